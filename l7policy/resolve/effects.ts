// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { HttpField, type FieldSpans } from "../../protocols/fields.js";
import type { HttpRuleSet } from "../compile/http.js";
import type { SourcePart } from "../compile/source.js";
import type { HeaderAction, HttpRule } from "../families/model.js";
import type { L7RuleSet } from "../policy.js";
import { textOf } from "../ruleset.js";

/** A set of HTTP rules, as far as effects need it. */
interface HttpSet extends L7RuleSet {
  readonly rules: readonly HttpRule[] | undefined;
  /** Positions of all rules that allow the request. */
  matches(fields: FieldSpans): number[];
}

/**
 * Adds what is to be done to headers to a rule set. Every rule that a request fulfils counts, not only the first:
 * as soon as one of them asks for something, all are looked at.
 * @param rules all, in the order of the policies
 * @param make the rule set of all of them, or of those that ask for something
 */
export function withEffects(
  rules: readonly HttpRule[],
  make: (part: SourcePart) => HttpSet | HttpRuleSet,
): L7RuleSet {
  const set = make("all");
  const asking = rules.filter((rule) => rule.actions !== undefined);
  if (asking.length === 0) return set;
  const askers = make("asking");
  const texts = asking.map((rule) => [textOf(rule), rule.actions]);
  const id = createHash("sha256").update(JSON.stringify(texts)).digest("hex").slice(0, 32);
  let asked: (readonly Asked[])[] | undefined;
  return {
    kind: "l7",
    protocol: set.protocol,
    id: `${set.id}+${id}`,
    judge: (fields) => set.judge(fields),
    judgeUpgrade: (fields) => set.judgeUpgrade(fields),
    effects: (fields) => {
      const byRule = (asked ??= askedBy(asking, askers.rules ?? []));
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

interface Asked {
  readonly at: number;
  readonly action: HeaderAction;
}

/** By position in a set: what the rules ask for that are one there, as they want the same of requests. */
function askedBy(asking: readonly HttpRule[], rules: readonly HttpRule[]): (readonly Asked[])[] {
  const asked = new Map<string, Asked[]>();
  asking.forEach((rule, at) => {
    const known = asked.get(textOf(rule)) ?? [];
    asked.set(textOf(rule), [...known, ...(rule.actions ?? []).map((action) => ({ at, action }))]);
  });
  return rules.map((rule) => asked.get(textOf(rule)) ?? []);
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
