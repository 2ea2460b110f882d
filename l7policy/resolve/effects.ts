// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { HttpField, type FieldSpans } from "../../protocols/fields.js";
import type { HttpRuleSet } from "../compile/http.js";
import type { HeaderAction, HttpRule } from "../families/model.js";
import type { L7RuleSet } from "../policy.js";
import { textOf } from "../ruleset.js";

/**
 * Adds what is to be done to headers to a rule set. Every rule that a request fulfils counts, not only the first:
 * as soon as one of them asks for something, all are looked at.
 * @param make the rule set of some rules, whatever they ask for
 */
export function withEffects(
  rules: readonly HttpRule[],
  make: (rules: readonly HttpRule[]) => HttpRuleSet,
): L7RuleSet {
  const set = make(rules);
  const asking = rules.filter((rule) => rule.actions !== undefined);
  if (asking.length === 0) return set;
  const askers = make(asking);
  // Rules that want the same are one in the set, whatever they ask for.
  const asked = new Map<string, { at: number; action: HeaderAction }[]>();
  asking.forEach((rule, at) => {
    const known = asked.get(textOf(rule)) ?? [];
    asked.set(textOf(rule), [...known, ...(rule.actions ?? []).map((action) => ({ at, action }))]);
  });
  const byRule = askers.rules.map((rule) => asked.get(textOf(rule)) ?? []);
  const ids = askers.rules.map((rule) => [
    textOf(rule),
    asked.get(textOf(rule))?.map(({ action }) => action),
  ]);
  const id = createHash("sha256").update(JSON.stringify(ids)).digest("hex").slice(0, 32);
  return {
    kind: "l7",
    protocol: set.protocol,
    id: `${set.id}+${id}`,
    judge: (fields) => set.judge(fields),
    judgeUpgrade: (fields) => set.judgeUpgrade(fields),
    effects: (fields) => {
      const due = askers
        .matches(fields)
        .flatMap((rule) => byRule[rule] ?? [])
        .filter(({ action }) => differs(action, fields))
        .sort((one, other) => one.at - other.at);
      // What two rules ask for is done once.
      const done = new Set<string>();
      return due.flatMap(({ action }) => {
        const key = keyOf(action);
        if (done.has(key)) return [];
        done.add(key);
        return [action];
      });
    },
  };
}

function keyOf({ mismatch, name, value }: HeaderAction): string {
  return JSON.stringify([mismatch, name.toLowerCase(), value]);
}

/** True when no header of that name has the wanted value. */
function differs({ name, value }: HeaderAction, fields: FieldSpans): boolean {
  for (let i = 0; i + 1 < fields.count; i++)
    if (
      fields.kind[i] === HttpField.headerName &&
      fields.text(i).toLowerCase() === name.toLowerCase() &&
      (value === undefined || fields.text(i + 1) === value)
    )
      return false;
  return true;
}
