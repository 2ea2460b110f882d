// SPDX-License-Identifier: Apache-2.0
import { HttpField, type FieldSpans } from "../../protocols/fields.js";
import type { HeaderAction, HttpRule } from "../families/model.js";
import type { L7RuleSet, RuleSet } from "../policy.js";

/**
 * Adds what is to be done to headers to a rule set. Every rule that a request fulfils counts, not only the first:
 * as soon as one of them asks for something, all are looked at.
 * @param make the rule set of some rules, whatever they ask for
 */
export function withEffects(
  rules: readonly HttpRule[],
  make: (rules: readonly HttpRule[]) => RuleSet,
): RuleSet {
  const set = make(rules);
  const asking = rules.filter((rule) => rule.actions !== undefined);
  if (set.kind !== "l7" || asking.length === 0) return set;
  const alone = asking.map((rule) => ({ actions: rule.actions ?? [], set: make([rule]) }));
  const actions = alone.map((one) => [one.set.kind === "l7" ? one.set.id : "", one.actions]);
  return {
    kind: "l7",
    protocol: set.protocol,
    id: `${set.id}+${JSON.stringify(actions)}`,
    judge: (fields) => set.judge(fields),
    judgeUpgrade: (fields) => set.judgeUpgrade(fields),
    effects: (fields) =>
      alone.flatMap((one) =>
        fulfils(one.set, fields) ? one.actions.filter((action) => differs(action, fields)) : [],
      ),
  } satisfies L7RuleSet;
}

function fulfils(set: RuleSet, fields: FieldSpans): boolean {
  return set.kind === "l7" && set.judge(fields);
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
