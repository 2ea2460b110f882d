// SPDX-License-Identifier: Apache-2.0
import { HttpField, type FieldSpans } from "../../protocols/fields.js";
import type { Automata } from "./automata.js";
import type { Plan, Term } from "./plan.js";

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
  private readonly tests: readonly HeaderTest[];
  /** By the number of the path pattern. */
  private readonly terms: (readonly Term[] | undefined)[] = [];
  /** By the number of the host pattern. */
  private readonly hosts: number[] = [];
  private readonly met: Uint8Array;

  constructor(private readonly plan: Plan<Automata>) {
    for (const [path, terms] of plan.terms) this.terms[path] = terms;
    for (const [host, condition] of plan.hosts) this.hosts[host] = condition;
    this.met = new Uint8Array(plan.conditions);
    this.tests = [...plan.headers].map(([name, { present, values }]) => ({
      name: Buffer.from(name),
      present,
      values: [...values].map(([value, condition]) => ({ value: Buffer.from(value), condition })),
    }));
  }

  /**
   * Position of the first rule that allows the fields, -1 when none does; with `upgrades` only of those that name one.
   * @param all receives the positions of all rules that do, in no order
   */
  match(fields: FieldSpans, upgrades: boolean, all?: number[]): number {
    const { bytes, start, end } = fields;
    const { automata, methodStart, pathStart } = this.plan;
    const path = fields.find(HttpField.path);
    const paths =
      path < 0
        ? automata.paths.lazy.run(pathStart, bytes, 0, 0)
        : automata.paths.lazy.run(pathStart, bytes, start[path]!, end[path]!);
    if (paths.length === 0) return -1;
    const method = fields.find(HttpField.method);
    const methods =
      method < 0 ? NONE : automata.methods.lazy.run(methodStart, bytes, start[method]!, end[method]!);
    if (this.met.length > 0) this.readConditions(fields);
    let first = -1;
    for (let i = 0; i < paths.length; i++) {
      const terms = this.terms[paths[i]!]!;
      for (let t = 0; t < terms.length; t++) {
        const term = terms[t]!;
        if ((upgrades && !term.upgrade) || (!all && first >= 0 && term.rule > first)) continue;
        if (term.method >= 0 && !methods.includes(term.method)) continue;
        if (!this.isMet(term.conditions)) continue;
        all?.push(term.rule);
        if (first < 0 || term.rule < first) first = term.rule;
      }
    }
    return first;
  }

  private isMet(conditions: readonly number[]): boolean {
    for (let c = 0; c < conditions.length; c++) if (this.met[conditions[c]!] !== 1) return false;
    return true;
  }

  private readConditions(fields: FieldSpans): void {
    const { met, tests } = this;
    met.fill(0);
    const host = fields.find(HttpField.host);
    if (host >= 0 && this.hosts.length > 0) {
      const { automata, hostStart } = this.plan;
      const from = fields.start[host]!;
      const hosts = automata.hosts.lazy.run(hostStart, fields.bytes, from, fields.end[host]!);
      for (let i = 0; i < hosts.length; i++) met[this.hosts[hosts[i]!]!] = 1;
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
