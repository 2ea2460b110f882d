// SPDX-License-Identifier: Apache-2.0
import { Patterns } from "../automaton/patterns.js";
import { beyond } from "../compare/language.js";
import { progressOf } from "../families/conditions.js";
import type { HttpRule } from "../families/model.js";
import type { L7Request } from "../families/requests.js";

type HttpRequest = Extract<L7Request, { family: "http" }>;

/** What a rule is beside others. `by`: those that allow all that it allows, together. */
export type Standing =
  | { readonly kind: "needed" }
  | { readonly kind: "unreachable" }
  | { readonly kind: "shadowed"; readonly by: readonly HttpRule[]; readonly request: HttpRequest }
  | { readonly kind: "unknown" };

/**
 * Whether a rule allows anything that the others do not. Only those others are compared with it that a request tells to
 * matter: each comparison gives a request that is not covered yet, and whoever covers it joins the next comparison.
 */
export function standingOf(rule: HttpRule, others: OtherRules): Standing {
  const first = beyond(rule, []);
  if (first.kind === "none") return { kind: "unreachable" };
  if (first.kind === "unknown") return first;
  const covering: HttpRule[] = [];
  for (let { request } = first; ;) {
    const more = others.allowing(request).filter((one) => one !== rule && !covering.includes(one));
    if (more.length === 0) return { kind: "needed" };
    covering.push(...more);
    const found = beyond(rule, covering);
    if (found.kind === "none") return { kind: "shadowed", by: covering, request: first.request };
    if (found.kind === "unknown") return found;
    ({ request } = found);
  }
}

/** Rules among which those that allow a request are found, by one run over its path. */
export class OtherRules {
  private readonly paths = new Patterns();
  private readonly byPath: HttpRule[][] = [];
  private readonly anyPath: HttpRule[] = [];
  private readonly removed = new Set<HttpRule>();

  constructor(rules: readonly HttpRule[]) {
    for (const rule of rules)
      if (rule.path === undefined) this.anyPath.push(rule);
      else (this.byPath[this.paths.number(rule.path)] ??= []).push(rule);
    this.paths.build();
  }

  /** A rule that is in vain is found no more. */
  remove(rule: HttpRule): void {
    this.removed.add(rule);
  }

  /** Rules that allow a request. */
  allowing(request: HttpRequest): HttpRule[] {
    const bytes = Buffer.from(request.path, "utf8");
    const numbers = this.paths.match(bytes, 0, bytes.length);
    const candidates = [...this.anyPath, ...[...numbers].flatMap((number) => this.byPath[number] ?? [])];
    return candidates.filter((rule) => {
      const l7 = { family: "http", field: "", rules: [rule] } as const;
      return !this.removed.has(rule) && progressOf(l7, 0, request)?.failed === undefined;
    });
  }
}
