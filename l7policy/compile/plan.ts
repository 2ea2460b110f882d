// SPDX-License-Identifier: Apache-2.0
import type { HttpRule } from "../model.js";

/** What must hold beside method and path. Each distinct one has a number, which is also its bit in a judge table. */
export interface HeaderConditions {
  /** Condition that the header is there, or -1. */
  present: number;
  /** Conditions that it has exactly this value. */
  readonly values: Map<string, number>;
}

/** One rule, as far as it is not its method and path. */
export interface Term {
  /** Position of the rule in its set. */
  readonly rule: number;
  readonly conditions: readonly number[];
  /** The rule names an upgrade: by the method CONNECT or by a condition on the header Upgrade. */
  readonly upgrade: boolean;
}

/** Rules of one set with the same method and path. */
export interface Pair {
  readonly set: number;
  /** Number of the method pattern, -1 for any. */
  readonly method: number;
  /** Text of the path pattern, undefined for any. */
  readonly path: string | undefined;
  readonly terms: Term[];
}

/** Rule sets taken apart: distinct patterns, distinct conditions, and which rules need which. */
export class Plan {
  readonly methods: string[] = [];
  readonly pairs: Pair[] = [];
  /** Condition of each host pattern. */
  readonly hosts = new Map<string, number>();
  /** By lower-case name. */
  readonly headers = new Map<string, HeaderConditions>();
  /** Number of conditions. */
  conditions = 0;

  constructor(readonly sets: readonly (readonly HttpRule[])[]) {
    const methods = new Map<string, number>();
    const pairs = new Map<string, Pair>();
    sets.forEach((rules, set) =>
      rules.forEach((rule, at) => {
        let method = -1;
        if (rule.method !== undefined) {
          method = methods.get(rule.method) ?? methods.size;
          methods.set(rule.method, method);
          this.methods[method] = rule.method;
        }
        const key = `${set} ${method} ${rule.path === undefined ? "" : `=${rule.path}`}`;
        let pair = pairs.get(key);
        if (!pair) {
          pair = { set, method, path: rule.path, terms: [] };
          pairs.set(key, pair);
          this.pairs.push(pair);
        }
        pair.terms.push({
          rule: at,
          conditions: this.conditionsOf(rule),
          upgrade:
            rule.method === "CONNECT" || rule.headers.some(({ name }) => name.toLowerCase() === "upgrade"),
        });
      }),
    );
  }

  private conditionsOf(rule: HttpRule): number[] {
    const out = new Set<number>();
    if (rule.host !== undefined) {
      const known = this.hosts.get(rule.host) ?? this.conditions++;
      this.hosts.set(rule.host, known);
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
