// SPDX-License-Identifier: Apache-2.0
import { MemcachedField, type FieldSpans } from "../../protocols/fields.js";
import { classesOf } from "../automaton/bytes.js";
import { LazyDfa, Start } from "../automaton/dfa.js";
import { Nfa } from "../automaton/nfa.js";
import type { CompiledTable } from "../compile/compile.js";
import { compileMemcached } from "../compile/memcached.js";
import { parseRegex } from "../regex/parse.js";
import { alternate, EMPTY, literal } from "../regex/syntax.js";
import { anywhere } from "./matcher.js";
import { MEMCACHED_LOOKUPS } from "./memcached-commands.js";
import type { MemcachedRule, TextRule } from "./model.js";

/** One automaton for one field of all rules: says which rules a field fits. */
class FieldRules {
  private readonly nfa = new Nfa();
  private readonly starts: number[] = [];
  private dfa: LazyDfa | undefined;
  private readonly all = new Start(this.starts);

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

  build(): void {
    this.dfa = new LazyDfa(this.nfa, classesOf(this.nfa.sets));
  }

  /** Rules that the span fits, ascending. */
  fits(fields: FieldSpans, span: number): Int32Array {
    return this.dfa!.run(this.all, fields.bytes, fields.start[span]!, fields.end[span]!);
  }
}

/**
 * memcached rules that judge requests. Each command of a request with each of its keys must fit a rule, not all the same
 * one: a multi-get is allowed when the gets of its keys are.
 */
export class MemcachedRuleSet {
  readonly kind = "l7";
  readonly protocol = "memcached";
  private readonly commands = new FieldRules();
  private readonly keys = new FieldRules();
  /** Rules that ask for no key. */
  private readonly keyless: Uint8Array;
  private compiled: CompiledTable | undefined;
  /** Lookups that are told that denied keys are missing. */
  private readonly hiding: ReadonlySet<string>;
  /** Of the request that is judged: the rules that each of its commands fits, and those of a key that was found to fit. */
  private readonly called: Int32Array[] = [];
  private calls = 0;
  private fitted: Int32Array | undefined;

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
    this.commands.build();
    this.keys.build();
    this.keyless = Uint8Array.from(memcached, ({ keys }) => (keys ? 0 : 1));
    this.hiding = new Set(
      memcached.flatMap(({ hides, commands }) => (hides ? (commands ?? MEMCACHED_LOOKUPS) : [])),
    );
  }

  /** The judge table; compiled when it is first asked for. */
  get table(): CompiledTable {
    return (this.compiled ??= compileMemcached([this.memcached]));
  }

  /** The judge table of what this and another set allow. */
  joined(other: object): CompiledTable | undefined {
    return other instanceof MemcachedRuleSet
      ? compileMemcached([this.memcached, other.memcached])
      : undefined;
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

  judgeUpgrade(): boolean {
    return false;
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
