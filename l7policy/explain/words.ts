// SPDX-License-Identifier: Apache-2.0
import type { Because, Explanation } from "./explain.js";
import { KERNEL_REASONS } from "./kernel.js";

/** What each reason of a verdict means. */
export const BECAUSE: Readonly<Record<Because, string>> = {
  "mode-never": "policies are not enforced (mode never)",
  "unknown-endpoint": "the endpoint has no identity",
  "not-selected": "no policy is for it in this direction",
  "no-default-deny": "the policies for it deny nothing by default",
  localhost: "the host reaches its own workloads",
  "denied-by-rule": "a deny rule is about it",
  "allowed-by-rule": "a rule allows it",
  "allowed-by-rules-together": "rules together allow it: each topic is covered by one",
  "no-rule-allows": "no rule allows it",
  "families-disagree": "rules of several protocols meet on this port: nothing can be judged",
  "other-protocol": "requests on this port are of another protocol",
  "requests-are-judged": "the connection passes; each request is judged by these rules",
};

/** One direction's verdict as lines of text. */
export function explanationLines(side: Explanation, party: string, all = false): string[] {
  const lines = [
    `${side.way} of ${party}: ${side.verdict === "judged" ? "inspect" : side.verdict}: ${BECAUSE[side.because]}`,
  ];
  const shown = all ? side.rules : side.rules.slice(0, 5);
  for (const rule of shown) lines.push(`  ${rule.file}:${rule.line}  ${rule.policy}  ${rule.field}`);
  if (shown.length < side.rules.length) lines.push(`  and ${side.rules.length - shown.length} more`);
  if (side.nearest.length > 0) {
    lines.push("  the nearest rules, and what fails first:");
    for (const { rule, failed } of side.nearest)
      lines.push(`  ${rule.file}:${rule.line}  ${rule.policy}  ${failed}`);
  }
  for (const { mismatch, name, value } of side.effects)
    lines.push(`  header ${name}: ${mismatch}${value === undefined ? "" : ` ${value}`}`);
  if (side.log.length > 0) lines.push(`  on record as: ${side.log.join(", ")}`);
  if (side.inspected) {
    const why = side.kernel.eligible
      ? "yes"
      : `no, ${KERNEL_REASONS[side.kernel.reason] ?? side.kernel.reason}`;
    lines.push(`  judged in the kernel where it can: ${why}`);
  }
  return lines;
}
