// SPDX-License-Identifier: Apache-2.0
import {
  buffersOf,
  markOf,
  NO_STATES,
  partOf,
  StatesCopy,
  type CopyMark,
  type StatesPart,
} from "../automaton/copy.js";
import { LazyDfa } from "../automaton/dfa.js";
import { HTTP_CLASSES, type Automata, type FieldAutomaton, type HttpAutomata } from "./automata.js";

/** Patterns of one field that came since the last part. */
interface FieldPart {
  readonly states: StatesPart;
  readonly patterns: readonly (string | undefined)[];
  readonly starts: readonly number[];
}

const FIELDS = ["methods", "paths", "hosts"] as const;

/** What came to the automata since the last part, as plain data that another thread can take. */
export interface AutomataPart extends Readonly<Record<(typeof FIELDS)[number], FieldPart>> {
  /** Counts automata: with a new number they begin anew. */
  readonly generation: number;
}

/** Takes automata apart for a copy elsewhere. */
export class AutomataSource {
  private automata: HttpAutomata | undefined;
  private marks: Record<string, { states: CopyMark; patterns: number }> = {};

  /** @param generation greater than any that the copy has seen */
  constructor(private generation = 0) {}

  /** What the copy lacks. */
  part(automata: HttpAutomata): AutomataPart {
    if (this.automata !== automata) {
      this.automata = automata;
      this.generation++;
      this.marks = {};
    }
    return {
      generation: this.generation,
      methods: this.field(automata, "methods"),
      paths: this.field(automata, "paths"),
      hosts: this.field(automata, "hosts"),
    };
  }

  private field(automata: HttpAutomata, name: (typeof FIELDS)[number]): FieldPart {
    const { nfa, patterns, starts } = automata[name];
    const { states, patterns: known } = this.marks[name] ?? { states: NO_STATES, patterns: 0 };
    this.marks[name] = { states: markOf(nfa), patterns: starts.length };
    return {
      states: partOf(nfa, states),
      patterns: starts.length === known ? [] : [...patterns].slice(known),
      starts: starts.slice(known),
    };
  }
}

/** The buffers of a part, to be handed over rather than copied. */
export function automataBuffers(part: AutomataPart): ArrayBufferLike[] {
  return FIELDS.flatMap((name) => buffersOf(part[name].states));
}

class CopiedPatterns implements FieldAutomaton {
  readonly starts: number[] = [];
  private readonly states = new StatesCopy();
  readonly lazy = new LazyDfa(this.states, HTTP_CLASSES);
  private readonly numbers = new Map<string | undefined, number>();

  append({ states, patterns, starts }: FieldPart): void {
    this.states.append(states);
    for (const pattern of patterns) this.numbers.set(pattern, this.numbers.size);
    for (const start of starts) this.starts.push(start);
  }

  number(pattern: string | undefined): number {
    const number = this.numbers.get(pattern);
    if (number === undefined) throw new UnknownPattern();
    return number;
  }
}

/** A pattern that copied automata do not have. */
export class UnknownPattern extends Error {}

/** Automata that were made elsewhere: for judging, not for compiling. */
export class CopiedAutomata implements Automata {
  readonly methods = new CopiedPatterns();
  readonly paths = new CopiedPatterns();
  readonly hosts = new CopiedPatterns();

  constructor(readonly generation: number) {}

  append(part: AutomataPart): void {
    for (const name of FIELDS) this[name].append(part[name]);
  }
}
