// SPDX-License-Identifier: Apache-2.0
import type { Family } from "../families/model.js";
import type { IdentityInfo } from "../identity/registry.js";
import type { ResolvedPolicies } from "./revision.js";

/** Families whose servers also take the same requests as datagrams, which nobody judges. */
const FAMILIES: readonly Family[] = ["memcached"];
/** More ports than this are told as port 0: all. */
const MOST_PORTS = 1024;

/**
 * Ports of an endpoint where datagrams are to be dropped: its rules judge requests there, and none allows UDP by name.
 * Port 0 stands for every port.
 */
export function closedToDatagrams(policies: ResolvedPolicies, endpoint: IdentityInfo): readonly number[] {
  const entries = policies
    .of("ingress", endpoint)
    .rules.filter(({ deny }) => !deny)
    .flatMap(({ rule }) => rule.ports ?? []);
  const open = entries.flatMap(({ ports, l7 }) =>
    l7 ? [] : ports.filter(({ transport }) => transport === "UDP"),
  );
  const ports = new Set<number>();
  const close = (port: number): void => {
    if (!open.some(({ first, last }) => first === 0 || (port >= first && port <= last))) ports.add(port);
  };
  for (const entry of entries) {
    if (!entry.l7 || !FAMILIES.includes(entry.l7.family)) continue;
    for (const { first, last, name } of entry.ports) {
      if (name !== undefined) {
        policies.portsNamed(endpoint.identity, name).forEach(close);
        continue;
      }
      if (first === 0 || ports.size + last - first > MOST_PORTS) return [0];
      for (let port = first; port <= last; port++) close(port);
    }
  }
  return [...ports].sort((a, b) => a - b);
}
