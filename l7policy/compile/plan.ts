// SPDX-License-Identifier: Apache-2.0
import { Start } from "../automaton/dfa.js";
import type { HttpRule } from "../model.js";
import type { Automata, HttpAutomata } from "./automata.js";

/** Conditions on one header. Each distinct condition has a number, which is also its bit in a judge table. */
export interface HeaderConditions {
  /** Condition that the header is there, or -1. */
  present: number;
  /** Conditions that it has exactly this value. */
  readonly values: Map<string, number>;
}

/** One rule, but for its path. */
export interface Term {
  readonly set: number;
  /** Position of the rule in its set. */
  readonly rule: number;
  /** Number of the method pattern, -1 for any. */
  readonly method: number;
  readonly conditions: readonly number[];
  /** The rule names an upgrade: by the method CONNECT or by a condition on the header Upgrade. */
  readonly upgrade: boolean;
}

/**
 * Rule sets taken apart: distinct patterns, distinct conditions, and which rules need which. To be compiled it must be of
 * automata that can be compiled; to judge, any will do.
 */
export class Plan<A extends Automata = HttpAutomata> {
  /** Terms of each path pattern, by its number. */
  readonly terms = new Map<number, Term[]>();
  /** Numbers of the method patterns. */
  readonly methods = new Set<number>();
  /** Condition of each host pattern, by its number. */
  readonly hosts = new Map<number, number>();
  /** By lower-case name. */
  readonly headers = new Map<string, HeaderConditions>();
  /** Number of conditions. */
  conditions = 0;
  /** Some rule names an upgrade. */
  upgrades = false;
  readonly methodStart: Start;
  readonly pathStart: Start;
  readonly hostStart: Start;

  /** Throws SM_POLICY_REGEX for a bad pattern. */
  constructor(
    readonly sets: readonly (readonly HttpRule[])[],
    readonly automata: A,
  ) {
    sets.forEach((rules, set) => rules.forEach((rule, at) => this.add(set, at, rule)));
    const { methods, paths, hosts } = automata;
    this.methodStart = new Start([...this.methods].map((number) => methods.starts[number]!));
    this.pathStart = new Start([...this.terms.keys()].map((number) => paths.starts[number]!));
    this.hostStart = new Start([...this.hosts.keys()].map((number) => hosts.starts[number]!));
  }

  private add(set: number, at: number, rule: HttpRule): void {
    const { automata, methods, terms } = this;
    const method = rule.method === undefined ? -1 : automata.methods.number(rule.method);
    if (method >= 0) methods.add(method);
    const path = automata.paths.number(rule.path);
    const upgrade =
      rule.method === "CONNECT" || rule.headers.some(({ name }) => name.toLowerCase() === "upgrade");
    if (upgrade) this.upgrades = true;
    const term: Term = { set, rule: at, method, conditions: this.conditionsOf(rule), upgrade };
    const known = terms.get(path);
    if (known) known.push(term);
    else terms.set(path, [term]);
  }

  private conditionsOf(rule: HttpRule): readonly number[] {
    if (rule.host === undefined && rule.headers.length === 0) return NONE;
    const out = new Set<number>();
    if (rule.host !== undefined) {
      const host = this.automata.hosts.number(rule.host);
      const known = this.hosts.get(host) ?? this.conditions++;
      this.hosts.set(host, known);
      out.add(known);
    }
    for (const header of rule.headers) {
      const name = header.name.toLowerCase();
      let wanted = this.headers.get(name);
      if (!wanted) this.headers.set(name, (wanted = { present: -1, values: new Map() }));
      if (header.value === undefined) {
        if (wanted.present < 0) wanted.present = this.conditions++;
        out.add(wanted.present);
      } else {
        const known = wanted.values.get(header.value) ?? this.conditions++;
        wanted.values.set(header.value, known);
        out.add(known);
      }
    }
    return [...out];
  }
}

const NONE: readonly number[] = [];
