// SPDX-License-Identifier: Apache-2.0
import { SockmeshError, type SourcePosition } from "../../core/errors.js";
import type { Family } from "../families/model.js";
import type { Direction, DirectionRule, Policy, PortRule, Way } from "../model.js";

/** What those who put policies in force can do. What they cannot is refused by name, never ignored. */
export interface Abilities {
  /** L7 families whose requests the proxy judges. */
  readonly families: readonly Family[];
  /** The proxy does what `headerMatches` asks for. */
  readonly headerActions: boolean;
  /** The process that opened a connection is known. */
  readonly processes: boolean;
  /** Endpoints name their ports. */
  readonly portNames: boolean;
  /** Services and what is behind them are known. */
  readonly services: boolean;
  /** What DNS gives is known. */
  readonly names: boolean;
}

/** Nothing beyond labels, addresses, ports and HTTP. */
export const HTTP_ONLY: Abilities = {
  families: ["http"],
  headerActions: false,
  processes: false,
  portNames: false,
  services: false,
  names: false,
};

/** Everything that can be expressed: for tools that judge without a proxy. */
export const EVERYTHING: Abilities = {
  families: ["http", "grpc", "dns", "kafka", "memcached", "cassandra", "tls"],
  headerActions: true,
  processes: true,
  portNames: true,
  services: true,
  names: true,
};

/** Every part of the policies that cannot be put in force, with its place and the reason. */
export function enforceable(policies: readonly Policy[], abilities: Abilities): SockmeshError[] {
  const errors: SockmeshError[] = [];
  const fail = (at: SourcePosition, field: string, message: string): void => {
    errors.push(new SockmeshError("SM_POLICY_UNSUPPORTED", message, { at, field }));
  };
  for (const policy of policies)
    for (const way of ["ingress", "egress"] as const) {
      const direction = policy[way];
      if (direction) checkDirection(direction, way, abilities, fail);
    }
  return errors;
}

/** What protocol it would take, where that is not the family's own. */
const TAKES: Partial<Record<Family, string>> = {
  grpc: ": they are of HTTP/2",
  tls: ": nothing reads which server a TLS client names",
};

type Fail = (at: SourcePosition, field: string, message: string) => void;

function checkDirection({ allow, deny }: Direction, way: Way, abilities: Abilities, fail: Fail): void {
  for (const rule of [...allow, ...deny]) {
    checkPeers(rule, abilities, fail);
    if (rule.processes && !abilities.processes)
      fail(
        rule.at,
        `${rule.path}.fromProcess`,
        "the process behind a connection is not known here: nothing records it",
      );
    rule.ports?.forEach((entry, index) => {
      const field = `${rule.path}.toPorts[${index}]`;
      checkPorts(field, entry, deny.includes(rule), way, abilities, fail);
    });
  }
}

function checkPeers({ peers, at, path }: DirectionRule, { services, names }: Abilities, fail: Fail): void {
  if (peers.kind === "services" && !services)
    fail(
      at,
      `${path}.toServices`,
      "services are not known here: nothing tells what is behind them; name the workloads (toEndpoints) or addresses (toCIDR)",
    );
  if (peers.kind === "fqdns" && !names)
    fail(
      at,
      `${path}.toFQDNs`,
      "names are not known here: no DNS proxy tells their addresses; name the addresses (toCIDR)",
    );
}

function checkPorts(
  field: string,
  { at, ports, l7 }: PortRule,
  deny: boolean,
  way: Way,
  abilities: Abilities,
  fail: Fail,
): void {
  for (const { at: place, name, transport } of ports) {
    if (name !== undefined && !abilities.portNames)
      fail(place, `${field}.ports`, `port ${name} has a name, and no endpoint here names its ports`);
    if (deny && (transport === "UDP" || transport === "SCTP"))
      fail(place, `${field}.ports`, `${transport} cannot be denied: the sidecar sees TCP only`);
  }
  if (!l7) return;
  if (!abilities.families.includes(l7.family))
    fail(
      at,
      `${field}.${l7.field}`,
      `no protocol of the proxy enforces ${l7.family} rules yet (${way})${TAKES[l7.family] ?? ""}`,
    );
  if (l7.family === "http" && !abilities.headerActions)
    for (const { at: place, actions } of l7.rules)
      if (actions)
        fail(place, `${field}.rules.http`, "headerMatches with mismatch is not done by the proxy yet");
}
