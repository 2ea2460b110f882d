// SPDX-License-Identifier: Apache-2.0
import { TooLarge, type Requirement } from "./graph.js";
import { bit } from "./head.js";
import type { Plan } from "./plan.js";

/** More ways than these to fulfil the rules of one method and path are judged without a table. */
const MOST_TERMS = 1024;

/**
 * What the conditions must be for a request whose path and method these patterns match: every set needs one of its
 * rules; the rule counted is the first set's. Undefined when some set has none.
 */
export function requirementsOf(
  plan: Plan,
  methods: ReadonlySet<number>,
  paths: Int32Array,
): readonly Requirement[] | undefined {
  let joined: readonly Requirement[] | undefined;
  for (let set = 0; set < plan.sets.length; set++) {
    const own: Requirement[] = [];
    for (const path of paths)
      for (const term of plan.terms.get(path) ?? []) {
        if (term.set !== set || (term.method >= 0 && !methods.has(term.method))) continue;
        own.push({ rule: term.rule, mask: maskOf(term.conditions) });
      }
    if (own.length === 0) return undefined;
    const needed = essential(own);
    joined = joined ? essential(crossed(joined, needed)) : needed;
  }
  return joined;
}

function maskOf(conditions: readonly number[]): bigint {
  let mask = 0n;
  for (const condition of conditions) mask |= bit(condition);
  return mask;
}

function crossed(one: readonly Requirement[], other: readonly Requirement[]): Requirement[] {
  if (one.length * other.length > MOST_TERMS) throw new TooLarge("too-many-requirements");
  return one.flatMap(({ mask, rule }) => other.map((second) => ({ mask: mask | second.mask, rule })));
}

/** In the order of the rules, without those that an earlier one makes superfluous. */
function essential(requirements: readonly Requirement[]): readonly Requirement[] {
  if (requirements.length === 1) return requirements;
  const ordered = [...requirements].sort((a, b) => a.rule - b.rule);
  const kept: Requirement[] = [];
  for (const one of ordered) {
    if (kept.some(({ mask }) => (mask & one.mask) === mask)) continue;
    kept.push(one);
    if (kept.length > MOST_TERMS) throw new TooLarge("too-many-requirements");
  }
  return kept;
}
