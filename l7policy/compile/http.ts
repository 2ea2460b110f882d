// SPDX-License-Identifier: Apache-2.0
import type { FieldSpans } from "../../protocols/fields.js";
import type { HttpRule } from "../model.js";
import type { Automata, HttpAutomata } from "./automata.js";
import { compilePlan, type CompiledTable } from "./compile.js";
import { LazyJudge } from "./lazy.js";
import { Plan } from "./plan.js";
import { NOT_SURE, TableJudge } from "./run.js";

/** Up to so many rules are compiled to a table when the first request is judged; more only when the table is asked for. */
const EAGER_RULES = 256;

/**
 * Judges requests by HTTP rules: by their table, which is the one that the kernel runs, as soon as there is one, and by
 * automata made on the way for what the table is not sure of.
 */
export class HttpJudge {
  private readonly lazy: LazyJudge;
  private judging: TableJudge | undefined;

  /** @param table undefined: there is none yet */
  constructor(
    private readonly plan: Plan<Automata>,
    table: CompiledTable | undefined,
  ) {
    this.lazy = new LazyJudge(plan);
    if (table) this.use(table);
  }

  /** Judges by a table from now on. */
  use({ bytes }: CompiledTable): void {
    let lengths = 0;
    for (const name of this.plan.headers.keys()) lengths |= 1 << Math.min(31, Buffer.byteLength(name));
    this.judging = new TableJudge(bytes, lengths, this.plan.hosts.size > 0);
  }

  /** Position of the first rule that allows the request, -1 when none does. Allocates nothing. */
  match(fields: FieldSpans): number {
    const rule = this.judging ? this.judging.match(fields) : NOT_SURE;
    return rule === NOT_SURE ? this.lazy.match(fields, false) : rule;
  }

  /** Positions of all rules that allow the request, in no order. */
  matches(fields: FieldSpans): number[] {
    const all: number[] = [];
    this.lazy.match(fields, false, all);
    return all;
  }

  judge(fields: FieldSpans): boolean {
    return this.match(fields) >= 0;
  }

  judgeUpgrade(fields: FieldSpans): boolean {
    return this.plan.upgrades && this.lazy.match(fields, true) >= 0;
  }
}

/** HTTP rules that judge requests, and compile themselves. */
export class HttpRuleSet {
  readonly kind = "l7";
  readonly protocol = "http";
  readonly plan: Plan;
  private readonly judging: HttpJudge;
  private compiled: CompiledTable | undefined;

  /** Throws SM_POLICY_REGEX for a bad pattern, or when the patterns are too large together. */
  constructor(
    readonly id: string,
    readonly rules: readonly HttpRule[],
    automata: HttpAutomata,
  ) {
    this.plan = new Plan([rules], automata);
    this.judging = new HttpJudge(this.plan, undefined);
  }

  /** The judge table; compiled when it is first asked for. */
  get table(): CompiledTable {
    if (!this.compiled) {
      this.compiled = compilePlan(this.plan);
      this.judging.use(this.compiled);
    }
    return this.compiled;
  }

  /** The judge table of what this and another set allow, counted by the rules of this one. */
  joined(other: { readonly rules?: readonly HttpRule[] | undefined }): CompiledTable | undefined {
    return other.rules && compilePlan(new Plan([this.rules, other.rules], this.plan.automata));
  }

  /** Position in `rules` of the first rule that allows the request, -1 when none does. Allocates nothing. */
  match(fields: FieldSpans): number {
    if (!this.compiled && this.rules.length <= EAGER_RULES) void this.table;
    return this.judging.match(fields);
  }

  /** Positions in `rules` of all rules that allow the request, in no order. */
  matches(fields: FieldSpans): number[] {
    return this.judging.matches(fields);
  }

  judge(fields: FieldSpans): boolean {
    return this.match(fields) >= 0;
  }

  judgeUpgrade(fields: FieldSpans): boolean {
    return this.judging.judgeUpgrade(fields);
  }
}
