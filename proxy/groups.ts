// SPDX-License-Identifier: Apache-2.0
import { Outcome, OUTCOME_SLOTS, outcomeName, type OutcomeName } from "../core/outcome.js";
import type { Protocol, Request } from "../protocols/protocol.js";

/** What the sidecar decided by protocol, group of requests and outcome. */
export type GroupCounts = Readonly<
  Record<string, Readonly<Record<string, Partial<Record<OutcomeName, number>>>>>
>;

/** Counts what was decided of requests, apart for the groups that their protocol tells apart. */
export class GroupCounters {
  private readonly counts = new Map<Protocol, Float64Array>();

  /** Adds one; nothing where the protocol has no groups. */
  count(protocol: Protocol, request: Request, outcome: OutcomeName): void {
    const { groups } = protocol;
    if (!groups) return;
    let counts = this.counts.get(protocol);
    if (!counts) this.counts.set(protocol, (counts = new Float64Array(groups.length * OUTCOME_SLOTS)));
    const at = (request.group ?? groups.length - 1) * OUTCOME_SLOTS + Outcome[outcome];
    counts[at] = (counts[at] ?? 0) + 1;
  }

  /** The counters that are not zero. */
  snapshot(): GroupCounts {
    const all: Record<string, Record<string, Partial<Record<OutcomeName, number>>>> = {};
    for (const [{ name, groups = [] }, counts] of this.counts)
      counts.forEach((count, at) => {
        const outcome = outcomeName(at % OUTCOME_SLOTS);
        const group = groups[Math.floor(at / OUTCOME_SLOTS)];
        if (count > 0 && outcome && group !== undefined) ((all[name] ??= {})[group] ??= {})[outcome] = count;
      });
    return all;
  }
}
