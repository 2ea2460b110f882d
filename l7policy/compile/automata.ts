// SPDX-License-Identifier: Apache-2.0
import type { ByteClasses } from "../automaton/bytes.js";
import { LazyDfa } from "../automaton/dfa.js";
import { Nfa } from "../automaton/nfa.js";
import { DEAD, Subsets } from "../automaton/subsets.js";
import { parseRegex } from "../regex/parse.js";
import { EMPTY, type Regex } from "../regex/syntax.js";

/** Every byte of ASCII by itself and all others as one: what the fields of HTTP may need to tell apart. */
export const HTTP_CLASSES: ByteClasses = {
  of: Uint8Array.from({ length: 256 }, (_, byte) => Math.min(byte, 0x80)),
  count: 0x81,
  sample: Uint8Array.from({ length: 0x81 }, (_, byte) => byte),
};

/** States of the subset construction that are kept for the next rule set, in bytes. */
const MOST_KEPT = 64 * 1024 * 1024;
const parsed = new Map<string, Regex>();
let parsedLength = 0;
/** Characters of all patterns that are kept parsed. */
const MOST_PARSED = 4 * 1024 * 1024;

/** A pattern as parsed, also when it was seen before. Throws SM_POLICY_REGEX. */
function parse(pattern: string): Regex {
  let regex = parsed.get(pattern);
  if (!regex) {
    regex = parseRegex(pattern);
    parsedLength += pattern.length;
    if (parsedLength > MOST_PARSED) {
      parsed.clear();
      parsedLength = pattern.length;
    }
    parsed.set(pattern, regex);
  }
  return regex;
}

/** What judges need of the patterns of one field, each numbered by its text; `undefined` matches everything. */
export interface FieldAutomaton {
  /** Start state of each pattern. */
  readonly starts: readonly number[];
  /** For requests that no table judges. */
  readonly lazy: LazyDfa;
  /** Number of a pattern. Throws SM_POLICY_REGEX. */
  number(pattern: string | undefined): number;
}

/** Automata of the fields of HTTP requests. */
export interface Automata<F extends FieldAutomaton = FieldAutomaton> {
  readonly methods: F;
  readonly paths: F;
  readonly hosts: F;
}

/** Patterns of one field as they are compiled. */
export class FieldPatterns implements FieldAutomaton {
  readonly nfa = new Nfa({ ascii: true, shared: true });
  readonly starts: number[] = [];
  readonly lazy = new LazyDfa(this.nfa, HTTP_CLASSES);
  private readonly numbers = new Map<string | undefined, number>();
  private kept = new Determined(this.nfa);

  /** Patterns in the order of their numbers. */
  get patterns(): Iterable<string | undefined> {
    return this.numbers.keys();
  }

  number(pattern: string | undefined): number {
    let number = this.numbers.get(pattern);
    if (number === undefined) {
      const regex = pattern === undefined ? EMPTY : parse(pattern);
      number = this.starts.length;
      this.starts.push(this.nfa.add(regex, number, { after: pattern === undefined }));
      this.numbers.set(pattern, number);
    }
    return number;
  }

  /** Deterministic states of these patterns; what earlier tables have made is still there. */
  get determined(): Determined {
    if (this.kept.bytes > MOST_KEPT) this.kept = new Determined(this.nfa);
    return this.kept;
  }
}

/** Deterministic states of some patterns, and of the rests of patterns, whichever pattern it is. */
export class Determined {
  readonly states: Subsets;
  readonly rests: Subsets;
  private readonly restOf: (number | undefined)[] = [];

  constructor(private readonly nfa: Nfa) {
    this.states = new Subsets(nfa, HTTP_CLASSES);
    this.rests = new Subsets(nfa.shared!, HTTP_CLASSES);
  }

  /** Bytes held, roughly. */
  get bytes(): number {
    return this.states.bytes + this.rests.bytes;
  }

  /** NFA states looked at so far. */
  get work(): number {
    return this.states.work + this.rests.work;
  }

  /** The pattern that alone is left in a state, -1 when there are several. */
  only(state: number): number {
    return this.states.common(state, this.nfa.owner);
  }

  /** The rest of the only pattern of a state, as a state of `rests`; DEAD when there are several. */
  rest(state: number): number {
    let rest = this.restOf[state];
    if (rest === undefined) {
      rest = this.only(state) < 0 ? DEAD : this.states.moveTo(this.rests, state, this.nfa.twin);
      this.restOf[state] = rest;
    }
    return rest;
  }
}

/**
 * Automata of the fields of HTTP requests, for all rule sets together: a rule set that is like an earlier one but for a
 * few rules adds only these.
 */
export class HttpAutomata implements Automata<FieldPatterns> {
  readonly methods = new FieldPatterns();
  readonly paths = new FieldPatterns();
  readonly hosts = new FieldPatterns();

  /** NFA states of all patterns that were ever used; they only grow. */
  get size(): number {
    return this.methods.nfa.size + this.paths.nfa.size + this.hosts.nfa.size;
  }
}
