// SPDX-License-Identifier: Apache-2.0
import type { Way } from "../model.js";
import type { Identity, ProcessContext } from "../policy.js";
import type { SetPlace } from "./awaited.js";
import type { ResolvedPolicies } from "./revision.js";

/** Where a rule set is asked for. */
export interface WarmedPlace {
  readonly way: Way;
  readonly endpoint: Identity;
  readonly port: number;
}

/**
 * Works out what an identity is judged by on every port towards every peer, one peer a step, so that no request waits for
 * it. Each step yields; what is not worked out is when it is first asked for.
 * @param looking told of what is looked up next
 */
export function* warming(
  revision: ResolvedPolicies,
  endpoint: Identity,
  peers: Iterable<Identity>,
  looking: (place: WarmedPlace) => void = () => {},
): Generator<void> {
  const ports = {
    ingress: portsOf(revision, "ingress", endpoint),
    egress: portsOf(revision, "egress", endpoint),
  };
  const processes = {
    ingress: processesOf(revision, "ingress", endpoint),
    egress: processesOf(revision, "egress", endpoint),
  };
  for (const peer of peers) {
    for (const way of ["ingress", "egress"] as const)
      for (const port of ports[way]) {
        looking({ way, endpoint, port });
        for (const process of processes[way]) revision[way](endpoint, port, peer, { process });
      }
    yield;
  }
}

/** A place for errors: the first of the rules that hold there. */
export function placeOf(revision: ResolvedPolicies, { way, endpoint, port }: WarmedPlace): SetPlace {
  const info = revision.infoOf(endpoint);
  const [first] = info ? revision.of(way, info).rules : [];
  const what = `${way} of identity ${endpoint}, port ${port}, with the rules from here on: `;
  return { what, at: first?.rule.at, field: first?.rule.path };
}

/** An unknown process, and one that each of the rules that name processes fits. */
function processesOf(
  revision: ResolvedPolicies,
  way: Way,
  endpoint: Identity,
): (ProcessContext | undefined)[] {
  const info = revision.infoOf(endpoint);
  const rules = info ? revision.of(way, info).rules : [];
  const named = rules.flatMap(({ rule }) => rule.processes ?? []);
  return [
    undefined,
    ...named.map(({ executable, uid, cgroup }) => ({
      executable: executable?.replaceAll("*", "x"),
      uid,
      cgroup: cgroup?.replaceAll("*", "x"),
    })),
  ];
}

/** One port of each class that rules tell apart, and those that they name; none where no rule is for the identity. */
function portsOf(revision: ResolvedPolicies, way: Way, endpoint: Identity): number[] {
  const info = revision.infoOf(endpoint);
  if (!info) return [];
  const policy = revision.of(way, info);
  if (policy.rules.length === 0) return [];
  // What egress rules name, its peers tell: that is worked out when a connection asks.
  const named =
    way === "ingress" ? [...policy.names].flatMap((name) => revision.portsNamed(endpoint, name)) : [];
  return [...new Set([0, ...policy.ports, ...named])];
}
