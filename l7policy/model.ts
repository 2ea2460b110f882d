// SPDX-License-Identifier: Apache-2.0
import type { SourcePosition } from "../core/errors.js";

/** A requirement on one label; `value` of matchLabels is an `In` of one. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values: readonly string[];
}

/** All requirements must hold; none means: everything. */
export interface Selector {
  readonly requirements: readonly LabelRequirement[];
}

/** A header of an HTTP rule: present, or with exactly this value. Names compare without case. */
export interface HeaderRule {
  readonly name: string;
  readonly value: string | undefined;
}

/** One entry of `rules.http`: all given fields must match in full. */
export interface HttpRule {
  readonly at: SourcePosition;
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly host: string | undefined;
  readonly headers: readonly HeaderRule[];
}

/** A range of ports; 0-0 is every port. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** One entry of `toPorts`. `http` undefined: every request on these ports. */
export interface PortRule {
  readonly ports: readonly PortRange[];
  readonly http: readonly HttpRule[] | undefined;
}

/** The other side of a rule; undefined: anyone. Several kinds in one rule are refused when parsing. */
export type PeerRule =
  | { readonly kind: "endpoints"; readonly selectors: readonly Selector[] }
  | { readonly kind: "entities"; readonly names: readonly string[] };

/** One entry of `ingress`, `egress`, `ingressDeny` or `egressDeny`. `ports` undefined: every port. */
export interface DirectionRule {
  readonly at: SourcePosition;
  readonly peers: PeerRule | undefined;
  readonly ports: readonly PortRule[] | undefined;
}

/** Rules of one direction. */
export interface Direction {
  readonly allow: readonly DirectionRule[];
  readonly deny: readonly DirectionRule[];
  /** True when the policy makes what it does not allow denied. */
  readonly defaultDeny: boolean;
}

/** One spec of a CiliumNetworkPolicy. */
export interface Policy {
  readonly name: string;
  readonly at: SourcePosition;
  readonly endpoints: Selector;
  /** Undefined when the policy says nothing of the direction. */
  readonly ingress: Direction | undefined;
  readonly egress: Direction | undefined;
}
