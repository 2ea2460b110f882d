// SPDX-License-Identifier: Apache-2.0
import { globFits } from "../families/names.js";
import type { IdentityInfo } from "../identity/registry.js";
import type { PortNames } from "../identity/tables.js";
import type { DirectionRule, Policy, PortRange, PortRule, Transport, Way } from "../model.js";
import type { ProcessContext } from "../policy.js";
import type { PeerMatcher } from "./peers.js";

/** One rule of a policy in one direction, ready to be asked. */
export interface ActiveRule {
  readonly policy: Policy;
  readonly way: Way;
  readonly rule: DirectionRule;
  readonly deny: boolean;
  /** The policy denies nothing by default: the L7 parts of its rules only observe. */
  readonly soft: boolean;
  readonly peer: PeerMatcher;
}

/** What a connection is, as rules see it. */
export interface Connection {
  readonly way: Way;
  readonly endpoint: IdentityInfo;
  readonly peer: IdentityInfo;
  readonly port: number;
  readonly transport: Exclude<Transport, "ANY">;
  readonly process: ProcessContext | undefined;
  readonly portNames: PortNames;
}

/** True when a range, or the port that a name stands for at the receiver, has the connection's port. */
export function rangeFits(range: PortRange, connection: Connection): boolean {
  const { way, endpoint, peer, port, transport, portNames } = connection;
  if (range.transport !== "ANY" && range.transport !== transport) return false;
  if (range.name !== undefined)
    return portNames.fits((way === "ingress" ? endpoint : peer).identity, range.name, port, transport);
  return range.first === 0 || (port >= range.first && port <= range.last);
}

/** True when one of an entry's ports has the connection's port. */
export function portFits({ ports }: PortRule, connection: Connection): boolean {
  return ports.some((range) => rangeFits(range, connection));
}

/**
 * True when a rule names no processes, or the one that opened the connection. What is not known of it fits no allow rule,
 * and every deny rule: it may be what that denies.
 */
export function processFits(
  { rule, deny }: Pick<ActiveRule, "rule" | "deny">,
  context: ProcessContext = {},
): boolean {
  const fits = <T>(wanted: T | undefined, is: T | undefined, same: (a: T, b: T) => boolean): boolean =>
    wanted === undefined || (is === undefined ? deny : same(wanted, is));
  return (
    !rule.processes ||
    rule.processes.some(
      (one) =>
        // The cheapest first: paths are looked up when they are asked for.
        fits(one.uid, context.uid, Object.is) &&
        (one.executable === undefined || fits(one.executable, context.executable, globFits)) &&
        (one.cgroup === undefined || fits(one.cgroup, context.cgroup, globFits)),
    )
  );
}
