// SPDX-License-Identifier: Apache-2.0
import { HttpField, type FieldSpans } from "../../protocols/fields.js";
import { classesOf } from "../automaton/bytes.js";
import { LazyDfa } from "../automaton/dfa.js";
import type { FieldAutomata } from "./fields.js";
import type { Pair, Plan } from "./plan.js";

interface HeaderTest {
  readonly name: Uint8Array;
  readonly present: number;
  readonly values: readonly { readonly value: Uint8Array; readonly condition: number }[];
}

/**
 * Judges by automata that are made while they run: no bound on rules or conditions, ready at once. It decides where
 * the judge table is not sure, and instead of a table that would be too large.
 */
export class LazyJudge {
  private readonly methods: LazyDfa;
  private readonly paths: LazyDfa;
  private readonly hosts: LazyDfa;
  private readonly allMethods: number;
  private readonly allHosts: number;
  /** Number of the start of `paths` by the methods that matched. */
  private readonly pathStarts = new Map<Int32Array, number>();
  private readonly pathStartsByText = new Map<string, number>();
  private readonly tests: readonly HeaderTest[];
  private readonly pairs: readonly Pair[];
  private readonly met: Uint8Array;

  constructor(
    plan: Plan,
    private readonly automata: FieldAutomata,
  ) {
    const { methods, paths, hosts } = automata;
    this.methods = new LazyDfa(methods, classesOf(methods.sets));
    this.allMethods = this.methods.addStart(automata.methodStarts);
    this.paths = new LazyDfa(paths, classesOf(paths.sets));
    this.hosts = new LazyDfa(hosts, classesOf(hosts.sets));
    this.allHosts = this.hosts.addStart(automata.hostStarts);
    this.pairs = plan.pairs;
    this.met = new Uint8Array(plan.conditions);
    this.tests = [...plan.headers].map(([name, { present, values }]) => ({
      name: Buffer.from(name),
      present,
      values: [...values].map(([value, condition]) => ({ value: Buffer.from(value), condition })),
    }));
  }

  /** Position of the first rule that allows the fields, -1 when none does; with `upgrades` only of those that name one. */
  match(fields: FieldSpans, upgrades: boolean): number {
    const { bytes } = fields;
    const method = fields.find(HttpField.method);
    const path = fields.find(HttpField.path);
    const methods =
      method < 0
        ? NONE
        : this.methods.run(this.allMethods, bytes, fields.start[method]!, fields.end[method]!);
    const from = path < 0 ? 0 : fields.start[path]!;
    const to = path < 0 ? 0 : fields.end[path]!;
    const pairs = this.paths.run(this.startBehind(methods), bytes, from, to);
    if (pairs.length === 0) return -1;
    if (this.met.length > 0) this.readConditions(fields);
    let first = -1;
    for (let i = 0; i < pairs.length; i++) {
      const { terms } = this.pairs[pairs[i]!]!;
      for (let t = 0; t < terms.length; t++) {
        const { rule, conditions, upgrade } = terms[t]!;
        if ((upgrades && !upgrade) || (first >= 0 && rule > first)) continue;
        let fits = true;
        for (let c = 0; c < conditions.length && fits; c++) fits = this.met[conditions[c]!] === 1;
        if (fits) first = rule;
      }
    }
    return first;
  }

  private startBehind(methods: Int32Array): number {
    // Accept lists are shared objects as long as the automaton keeps its states.
    let start = this.pathStarts.get(methods);
    if (start === undefined) {
      const text = methods.join();
      start = this.pathStartsByText.get(text) ?? this.paths.addStart(this.automata.startOf(methods));
      this.pathStartsByText.set(text, start);
      if (this.pathStarts.size > MOST_KNOWN) this.pathStarts.clear();
      this.pathStarts.set(methods, start);
    }
    return start;
  }

  private readConditions(fields: FieldSpans): void {
    const { met, tests } = this;
    met.fill(0);
    const host = fields.find(HttpField.host);
    if (host >= 0) {
      const hosts = this.hosts.run(this.allHosts, fields.bytes, fields.start[host]!, fields.end[host]!);
      for (let i = 0; i < hosts.length; i++) met[hosts[i]!] = 1;
    }
    if (tests.length === 0) return;
    for (let i = 0; i < fields.count; i++) {
      if (fields.kind[i] !== HttpField.headerName) continue;
      for (let t = 0; t < tests.length; t++) {
        const { name, present, values } = tests[t]!;
        if (!same(fields, i, name, true)) continue;
        if (present >= 0) met[present] = 1;
        for (let v = 0; v < values.length; v++)
          if (same(fields, i + 1, values[v]!.value, false)) met[values[v]!.condition] = 1;
      }
    }
  }
}

const NONE = new Int32Array(0);
const MOST_KNOWN = 1024;

function same(fields: FieldSpans, index: number, wanted: Uint8Array, fold: boolean): boolean {
  const start = fields.start[index]!;
  if (fields.end[index]! - start !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i++) {
    let byte = fields.bytes[start + i]!;
    if (fold && byte >= 0x41 && byte <= 0x5a) byte |= 0x20;
    if (byte !== wanted[i]) return false;
  }
  return true;
}
