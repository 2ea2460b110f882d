// SPDX-License-Identifier: Apache-2.0
import type { AgentStatus } from "../../cli/agent/messages.js";

/** What the counters say of one client with one service. */
export interface Share {
  /** Requests that policy allowed, and denied. */
  readonly allowed: number;
  readonly denied: number;
  readonly connections: number;
  /** Requests, and answers, that the kernel moved, of those behind the first of each connection; 0 to 1. */
  readonly requests: number;
  readonly answers: number;
  /** Why messages went slow, the most frequent first; without what stands for the first request and for denials. */
  readonly slow: readonly string[];
  /** Outcomes that mean that something failed. */
  readonly failed: readonly string[];
}

/** Share of what has to be fast. */
export const ENOUGH = 0.95;

const EXPECTED = ["slow:unpaired", "slow:not-allowed"];

/** Compares the counters before and after. */
export function shareOf(before: AgentStatus, after: AgentStatus): Share {
  const sidecar = grown(before.outcomes, after.outcomes);
  const kernel = grown(before.totals.outcomes, after.totals.outcomes);
  const moved = after.totals.spliced.requests - before.totals.spliced.requests;
  const sum = (counts: readonly number[]): number => counts.reduce((all, one) => all + one, 0);
  const answers = sum(after.totals.spliced.classes) - sum(before.totals.spliced.classes);
  const allowed = moved + (sidecar.get("allowed") ?? 0);
  // The kernel counts both sockets of a connection, and the sidecar's to the service where it opened one.
  const connections = Math.ceil((kernel.get("splice") ?? 0) / 2);
  const later = Math.max(allowed - connections, 0);
  const part = (count: number): number => (later === 0 ? 0 : Math.min(count / later, 1));
  return {
    allowed,
    denied: sidecar.get("denied:policy") ?? 0,
    connections,
    requests: part(moved),
    answers: part(answers),
    slow: [...kernel]
      .filter(([name]) => name.startsWith("slow:") && !EXPECTED.includes(name))
      .sort(([, a], [, b]) => b - a)
      .map(([name]) => name),
    failed: [...sidecar.keys()].filter((name) => name.startsWith("failed:")),
  };
}

function grown(
  before: Partial<Record<string, number>>,
  after: Partial<Record<string, number>>,
): Map<string, number> {
  return new Map(
    Object.entries(after)
      .map(([name, count = 0]): [string, number] => [name, count - (before[name] ?? 0)])
      .filter(([, count]) => count !== 0),
  );
}

/** A cell of the table: the share in percent, or the name of the reason why it is not enough. */
export function cellOf(share: Share): string {
  if (share.allowed - share.connections < share.allowed / 10) return "`ends`";
  const least = Math.min(share.requests, share.answers);
  return least >= ENOUGH ? `${Math.floor(least * 100)} %` : `\`${share.slow[0] ?? "unknown"}\``;
}
