// SPDX-License-Identifier: Apache-2.0
import type { RuleRef } from "../explain/describe.js";

/** What lint looks for; documented in docs/policy.md (tested). */
export const CHECKS = {
  "cannot-be-enforced": ["error", "The agent refuses the policy: a part of it cannot be put in force."],
  "families-disagree": [
    "error",
    "Rules of two protocols meet on one port for one peer: nothing passes there.",
  ],
  shadowed: ["warning", "Every request that the rule allows is allowed by other rules already."],
  unreachable: ["warning", "No request can fulfil the rule."],
  "denied-anyway": ["warning", "A deny rule holds for all that the rule allows."],
  "l7-without-effect": ["warning", "A rule without L7 opens the same port for the same peers."],
  "dot-in-host": ["warning", "A dot in a host is any character: more hosts match than the one meant."],
  "selects-nothing": ["warning", "No endpoint given is selected."],
  "unknown-port-name": ["warning", "No endpoint given names a port so."],
  "unknown-service": ["warning", "No service given is meant."],
  "too-large-for-kernel": [
    "warning",
    "The rules together are past a bound of the kernel: the sidecar judges every request.",
  ],
  anchor: ["info", "Patterns match the whole field: ^ at the start and $ at the end change nothing."],
  "allows-nothing": ["info", "An empty list allows nothing."],
  "not-in-kernel": ["info", "The sidecar judges every request: the kernel cannot."],
  "not-seen": ["info", "The sidecar judges TCP: other traffic passes, whatever the rule says of it."],
  "not-compared": ["info", "The rules are too large to be compared with others."],
} as const;

/** Name of a check. */
export type Check = keyof typeof CHECKS;

/** How much a finding matters. */
export type Level = (typeof CHECKS)[Check][0];

/** One thing that lint found. */
export interface Finding {
  readonly check: Check;
  readonly level: Level;
  readonly rule: RuleRef;
  readonly message: string;
  /** A request, host or the like that shows it. */
  readonly witness: string | undefined;
}
