// SPDX-License-Identifier: Apache-2.0
import { contains } from "../../core/address.js";
import type { CidrRule, DirectionRule, LabelRequirement, PeerRule, PortRange, Selector } from "../model.js";

/** True when whatever meets `inner` meets `outer`, as far as the two requirements tell. */
function requirementCovers(outer: LabelRequirement, inner: LabelRequirement): boolean {
  if (outer.key !== inner.key) return false;
  switch (outer.operator) {
    case "In":
      return inner.operator === "In" && inner.values.every((value) => outer.values.includes(value));
    case "Exists":
      return inner.operator === "In" || inner.operator === "Exists";
    case "NotIn":
      return (
        inner.operator === "DoesNotExist" ||
        (inner.operator === "In" && inner.values.every((value) => !outer.values.includes(value))) ||
        (inner.operator === "NotIn" && outer.values.every((value) => inner.values.includes(value)))
      );
    case "DoesNotExist":
      return inner.operator === "DoesNotExist";
  }
}

/** True when every label set that `inner` selects is selected by `outer`. May say no where it does. */
export function selectorCovers(outer: Selector, inner: Selector): boolean {
  return outer.requirements.every((wanted) =>
    inner.requirements.some((one) => requirementCovers(wanted, one)),
  );
}

function cidrCovers(outer: CidrRule, inner: CidrRule): boolean {
  return (
    contains(outer.cidr, inner.cidr) &&
    // What the outer one leaves out must be left out by the inner one, or lie outside of it.
    outer.except.every(
      (hole) =>
        inner.except.some((own) => contains(own, hole)) ||
        (!contains(inner.cidr, hole) && !contains(hole, inner.cidr)),
    )
  );
}

/** True when every peer of `inner` is a peer of `outer`. May say no where it is. */
export function peersCover(outer: PeerRule, inner: PeerRule): boolean {
  if (outer.kind === "anyone" || inner.kind === "nobody") return true;
  if (outer.kind === "entities" && outer.names.includes("all")) return true;
  if (outer.kind === "endpoints" && inner.kind === "endpoints")
    return inner.selectors.every((one) => outer.selectors.some((wide) => selectorCovers(wide, one)));
  if (outer.kind === "entities" && inner.kind === "entities")
    return inner.names.every(
      (name) =>
        name === "none" ||
        outer.names.includes(name) ||
        (name === "cluster" && outer.names.includes("cluster-mesh")),
    );
  if (outer.kind === "entities" && outer.names.includes("world"))
    return inner.kind === "cidrs" || inner.kind === "fqdns";
  if (outer.kind === "cidrs" && inner.kind === "cidrs")
    return inner.cidrs.every((one) => outer.cidrs.some((wide) => cidrCovers(wide, one)));
  if (outer.kind === "fqdns" && inner.kind === "fqdns")
    return inner.names.every((one) =>
      outer.names.some(
        (wide) => wide.kind === one.kind && wide.text.toLowerCase() === one.text.toLowerCase(),
      ),
    );
  return false;
}

function rangeCovers(outer: PortRange, inner: PortRange): boolean {
  if (outer.transport !== "ANY" && outer.transport !== inner.transport) return false;
  if (outer.first === 0) return true;
  if (outer.name !== undefined || inner.name !== undefined) return outer.name === inner.name;
  return inner.first !== 0 && outer.first <= inner.first && inner.last <= outer.last;
}

/** True when every port of `inner` is a port of `outer`. */
export function portsCover(outer: readonly PortRange[], inner: readonly PortRange[]): boolean {
  return inner.every((one) => outer.some((wide) => rangeCovers(wide, one)));
}

/** True when two lists of ports have one in common. */
export function portsMeet(a: readonly PortRange[], b: readonly PortRange[]): boolean {
  return a.some((one) =>
    b.some((other) => {
      if (one.transport !== "ANY" && other.transport !== "ANY" && one.transport !== other.transport)
        return false;
      if (one.first === 0 || other.first === 0) return true;
      if (one.name !== undefined || other.name !== undefined) return one.name === other.name;
      return one.first <= other.last && other.first <= one.last;
    }),
  );
}

/** True when a rule holds for every process that another holds for. */
export function processesCover(outer: DirectionRule, inner: DirectionRule): boolean {
  if (outer.processes === undefined) return true;
  return JSON.stringify(strip(outer.processes)) === JSON.stringify(strip(inner.processes));
}

function strip(processes: DirectionRule["processes"]): unknown {
  return processes?.map(({ executable, uid, cgroup }) => [executable, uid, cgroup]);
}
