// SPDX-License-Identifier: Apache-2.0
import { peersCover, portsCover, processesCover, selectorCovers } from "../compare/cover.js";
import { grpcAsHttp } from "../families/grpc.js";
import type { HttpRule, L7Rules } from "../families/model.js";
import type { PortRule } from "../model.js";
import type { ActiveRule } from "../resolve/rules.js";

/** One entry of `toPorts` with an L7 part, or without one; undefined for a rule on every port. */
export interface Entry {
  readonly active: ActiveRule;
  readonly index: number | undefined;
  readonly ports: PortRule["ports"] | undefined;
  readonly l7: L7Rules | undefined;
}

/** True when a rule has a list of peers, and nobody in it. */
export function hasNoPeers({ rule: { peers } }: ActiveRule): boolean {
  switch (peers.kind) {
    case "anyone":
    case "nobody":
      return false;
    case "endpoints":
      return peers.selectors.length === 0;
    case "cidrs":
      return peers.cidrs.length === 0;
    case "services":
      return peers.services.length === 0;
    case "entities":
    case "fqdns":
      return peers.names.length === 0;
  }
}

/** The entries of a rule; none of one that is for nobody. */
export function entriesOf(active: ActiveRule): Entry[] {
  const { ports, peers } = active.rule;
  if (peers.kind === "nobody") return [];
  if (!ports) return [{ active, index: undefined, ports: undefined, l7: undefined }];
  return ports.map((entry, index) => ({
    active,
    index,
    ports: entry.ports,
    // Without default deny L7 parts only observe.
    l7: active.soft ? undefined : entry.l7,
  }));
}

const httpRules = new WeakMap<L7Rules, readonly HttpRule[]>();

/** The rules of an L7 part that is judged as HTTP; undefined for others. */
export function httpOf(l7: L7Rules): readonly HttpRule[] | undefined {
  if (l7.family === "http") return l7.rules;
  if (l7.family !== "grpc") return undefined;
  let made = httpRules.get(l7);
  if (!made) httpRules.set(l7, (made = l7.rules.map(grpcAsHttp)));
  return made;
}

/** True when ports are all among others; undefined stands for every port. */
export function covers(outer: PortRule["ports"] | undefined, inner: PortRule["ports"] | undefined): boolean {
  return outer === undefined || (inner !== undefined && portsCover(outer, inner));
}

/** True when a rule is for all of these ports, whichever of its entries names them. */
export function coversPorts({ rule }: ActiveRule, inner: PortRule["ports"] | undefined): boolean {
  return covers(
    rule.ports?.flatMap(({ ports }) => ports),
    inner,
  );
}

/** True when a rule holds for every endpoint, peer and process that another holds for. */
export function coversRule(outer: ActiveRule, inner: ActiveRule): boolean {
  return (
    outer.way === inner.way &&
    selectorCovers(outer.policy.endpoints, inner.policy.endpoints) &&
    peersCover(outer.rule.peers, inner.rule.peers) &&
    processesCover(outer.rule, inner.rule)
  );
}
