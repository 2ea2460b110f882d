// SPDX-License-Identifier: Apache-2.0
import { asSockmeshError, SockmeshError } from "../../core/errors.js";
import type { Identity } from "../policy.js";
import type { ResolvedPolicies } from "./revision.js";

/**
 * Works out what an identity is judged by on every port towards every peer, and compiles it, so that no request waits for
 * it. Throws what a pattern that cannot be compiled throws.
 * @param more asked before each peer: false ends it; the rest is worked out when it is first asked for
 */
export function warm(
  revision: ResolvedPolicies,
  endpoint: Identity,
  peers: Iterable<Identity>,
  more: () => boolean = () => true,
): void {
  const ports = {
    ingress: portsOf(revision, "ingress", endpoint),
    egress: portsOf(revision, "egress", endpoint),
  };
  for (const peer of peers) {
    if (!more()) return;
    for (const way of ["ingress", "egress"] as const)
      for (const port of ports[way]) {
        compile(revision, way, endpoint, port, peer);
      }
  }
}

function compile(
  revision: ResolvedPolicies,
  way: "ingress" | "egress",
  endpoint: Identity,
  port: number,
  peer: Identity,
): void {
  try {
    const set = revision[way](endpoint, port, peer);
    // The table is compiled when it is asked for.
    if (set.kind === "l7") void set.table;
  } catch (thrown) {
    const info = revision.infoOf(endpoint);
    const [first] = info ? revision.of(way, info).rules : [];
    const { code, message } = asSockmeshError(thrown, "SM_POLICY_REGEX");
    const what = `${way} of identity ${endpoint}, port ${port}, with the rules from here on: ${message}`;
    throw new SockmeshError(code, what, { cause: thrown, at: first?.rule.at, field: first?.rule.path });
  }
}

/** One port of each class that rules tell apart; none where no rule is for the identity. */
function portsOf(revision: ResolvedPolicies, way: "ingress" | "egress", endpoint: Identity): number[] {
  const info = revision.infoOf(endpoint);
  if (!info) return [];
  const policy = revision.of(way, info);
  return policy.rules.length === 0 ? [] : [...new Set([0, ...policy.ports])];
}
