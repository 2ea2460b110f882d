// SPDX-License-Identifier: Apache-2.0
import type { RuleSet } from "../policy.js";

/** Whether the kernel may judge requests, and why not. */
export interface KernelAnswer {
  readonly eligible: boolean;
  /** Machine name; empty when eligible. */
  readonly reason: string;
}

/** What each reason means. */
export const KERNEL_REASONS: Readonly<Record<string, string>> = {
  "nothing-passes": "nothing passes here",
  "not-http": "the kernel judges HTTP/1 and memcached's text commands only",
  "header-actions": "a rule changes or logs headers, which only the sidecar can",
  "too-many-conditions": "the rules together have more than 60 conditions on host and headers",
  "too-many-requirements": "too many rules differ in their conditions for one path",
  "too-many-states": "the patterns together need too many states",
  "table-too-large": "the patterns together need a table larger than 8 MiB",
  "not-compiled": "the rules are being compiled",
  "host-header": "a rule has a condition on Host as a header: use host",
};

/** Whether the kernel may judge what a rule set holds for. */
export function kernelOf(set: RuleSet): KernelAnswer {
  if (set.kind === "allow") return { eligible: true, reason: "" };
  if (set.kind === "deny") return { eligible: false, reason: "nothing-passes" };
  if (set.effects) return { eligible: false, reason: "header-actions" };
  if (!set.table) return { eligible: false, reason: "not-http" };
  // Tools compile on their own thread.
  if (set.table === "later") return { eligible: false, reason: "not-compiled" };
  const { kernel } = set.table;
  return kernel.eligible ? { eligible: true, reason: "" } : { eligible: false, reason: kernel.reason };
}
