// SPDX-License-Identifier: Apache-2.0
import { MemcachedField, type FieldSpans } from "../../protocols/fields.js";
import { classesOf } from "../automaton/bytes.js";
import { buffersOf, NO_STATES, partOf, StatesCopy, type StatesPart } from "../automaton/copy.js";
import { LazyDfa, Start } from "../automaton/dfa.js";
import { Nfa } from "../automaton/nfa.js";
import type { States } from "../automaton/states.js";
import type { CompiledTable } from "../compile/compile.js";
import { compileMemcached } from "../compile/memcached.js";
import { parseRegex } from "../regex/parse.js";
import { alternate, EMPTY, literal } from "../regex/syntax.js";
import { anywhere } from "./matcher.js";
import { MEMCACHED_LOOKUPS } from "./memcached-commands.js";
import type { MemcachedRule, TextRule } from "./model.js";

/** Patterns of one field of all rules, numbered by their rules. */
class FieldPatterns {
  readonly nfa = new Nfa();
  readonly starts: number[] = [];

  /** A rule that every field fits. */
  any(rule: number): void {
    this.starts.push(this.nfa.add(EMPTY, rule, { after: true }));
  }

  words(words: readonly string[], rule: number): void {
    this.starts.push(this.nfa.add(alternate(words.map(literal)), rule));
  }

  text({ kind, text }: TextRule, rule: number): void {
    if (kind === "prefix") this.starts.push(this.nfa.add(literal(text), rule, { after: true }));
    else if (kind === "exact") this.starts.push(this.nfa.add(literal(text), rule));
    else this.starts.push(this.nfa.add(parseRegex(kind === "search" ? anywhere(text) : text), rule));
  }
}

/** One automaton for one field of all rules: says which rules a field fits. */
class FieldRules {
  private readonly dfa: LazyDfa;
  private readonly all: Start;

  constructor(nfa: States, starts: readonly number[]) {
    this.dfa = new LazyDfa(nfa, classesOf(nfa.sets));
    this.all = new Start(starts);
  }

  /** Rules that the span fits, ascending. */
  fits(fields: FieldSpans, span: number): Int32Array {
    return this.dfa.run(this.all, fields.bytes, fields.start[span]!, fields.end[span]!);
  }
}

interface FieldPart {
  readonly states: StatesPart;
  readonly starts: readonly number[];
}

/** The automata of memcached rules, as plain data that another thread can take. */
export interface MemcachedPart {
  readonly commands: FieldPart;
  readonly keys: FieldPart;
}

/** The buffers of a part, to be handed over rather than copied. */
export function memcachedBuffers({ commands, keys }: MemcachedPart): ArrayBufferLike[] {
  return [...buffersOf(commands.states), ...buffersOf(keys.states)];
}

/**
 * Judges requests by memcached rules. Each command of a request with each of its keys must fit a rule, not all the same
 * one: a multi-get is allowed when the gets of its keys are.
 */
export class MemcachedJudge {
  /** Rules that ask for no key. */
  private readonly keyless: Uint8Array;
  /** Lookups that are told that denied keys are missing. */
  private readonly hiding: ReadonlySet<string>;
  /** Of the request that is judged: the rules that each of its commands fits, and those of a key that was found to fit. */
  private readonly called: Int32Array[] = [];
  private calls = 0;
  private fitted: Int32Array | undefined;

  constructor(
    rules: readonly MemcachedRule[],
    private readonly commands: FieldRules,
    private readonly keys: FieldRules,
  ) {
    this.keyless = Uint8Array.from(rules, ({ keys }) => (keys ? 0 : 1));
    this.hiding = new Set(
      rules.flatMap(({ hides, commands }) => (hides ? (commands ?? MEMCACHED_LOOKUPS) : [])),
    );
  }

  /** With automata that were made elsewhere, of the same rules. */
  static of(rules: readonly MemcachedRule[], { commands, keys }: MemcachedPart): MemcachedJudge {
    const copied = ({ states, starts }: FieldPart): FieldRules => {
      const copy = new StatesCopy();
      copy.append(states);
      return new FieldRules(copy, starts);
    };
    return new MemcachedJudge(rules, copied(commands), copied(keys));
  }

  judge(fields: FieldSpans): boolean {
    this.call(fields);
    let keys = 0;
    for (let i = 0; i < fields.count; i++) {
      if (fields.kind[i] === MemcachedField.command) continue;
      if (!this.keyFits(fields, i)) return false;
      keys++;
    }
    return this.calls > 0 && (keys > 0 || this.fitsWithoutKey());
  }

  hidden(fields: FieldSpans): readonly number[] | undefined {
    if (this.hiding.size === 0) return undefined;
    const command = fields.text(fields.find(MemcachedField.command));
    if (!this.hiding.has(command) || !MEMCACHED_LOOKUPS.includes(command)) return undefined;
    this.call(fields);
    const hidden: number[] = [];
    for (let i = fields.find(MemcachedField.key); i >= 0; i = fields.find(MemcachedField.key, i + 1))
      if (!this.keyFits(fields, i)) hidden.push(i);
    return hidden;
  }

  /** Looks up the rules of the request's commands, once for all of its keys. */
  private call(fields: FieldSpans): void {
    this.calls = 0;
    this.fitted = undefined;
    for (let i = 0; i < fields.count; i++)
      if (fields.kind[i] === MemcachedField.command)
        this.called[this.calls++] = this.commands.fits(fields, i);
  }

  /** For each command of the request some rule fits the command and this key. */
  private keyFits(fields: FieldSpans, key: number): boolean {
    const rules = this.keys.fits(fields, key);
    // Most keys of a request fit the same rules, which the automaton keeps in the same list.
    if (rules === this.fitted) return true;
    for (let i = 0; i < this.calls; i++) if (!meet(rules, this.called[i]!)) return false;
    this.fitted = rules;
    return true;
  }

  private fitsWithoutKey(): boolean {
    const called = this.called.slice(0, this.calls);
    return called.every((rules) => rules.some((rule) => this.keyless[rule] === 1));
  }
}

/** memcached rules that judge requests, and compile themselves. */
export class MemcachedRuleSet {
  readonly kind = "l7";
  readonly protocol = "memcached";
  private readonly commands = new FieldPatterns();
  private readonly keys = new FieldPatterns();
  private readonly judging: MemcachedJudge;
  private compiled: CompiledTable | undefined;

  /** Throws SM_POLICY_REGEX when the patterns are too large together. */
  constructor(
    readonly id: string,
    readonly memcached: readonly MemcachedRule[],
  ) {
    memcached.forEach(({ commands, keys }, rule) => {
      if (commands) this.commands.words(commands, rule);
      else this.commands.any(rule);
      if (keys) for (const key of keys) this.keys.text(key, rule);
      else this.keys.any(rule);
    });
    const rules = ({ nfa, starts }: FieldPatterns): FieldRules => new FieldRules(nfa, starts);
    this.judging = new MemcachedJudge(memcached, rules(this.commands), rules(this.keys));
  }

  /** The judge table; compiled when it is first asked for. */
  get table(): CompiledTable {
    return (this.compiled ??= compileMemcached([this.memcached]));
  }

  /** The automata, for {@link MemcachedJudge.of} elsewhere. */
  get part(): MemcachedPart {
    const part = ({ nfa, starts }: FieldPatterns): FieldPart => ({ states: partOf(nfa, NO_STATES), starts });
    return { commands: part(this.commands), keys: part(this.keys) };
  }

  /** The judge table of what this and another set allow. */
  joined(other: object): CompiledTable | undefined {
    return other instanceof MemcachedRuleSet
      ? compileMemcached([this.memcached, other.memcached])
      : undefined;
  }

  judge(fields: FieldSpans): boolean {
    return this.judging.judge(fields);
  }

  judgeUpgrade(): boolean {
    return false;
  }

  hidden(fields: FieldSpans): readonly number[] | undefined {
    return this.judging.hidden(fields);
  }
}

/** True when two ascending lists have a number in common. */
function meet(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const difference = a[i]! - b[j]!;
    if (difference === 0) return true;
    if (difference < 0) i++;
    else j++;
  }
  return false;
}
