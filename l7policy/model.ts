// SPDX-License-Identifier: Apache-2.0
import type { Prefix } from "../core/address.js";
import type { SourcePosition } from "../core/errors.js";
import type { L7Rules } from "./families/model.js";

export type { HeaderAction, HeaderRule, HttpRule, L7Rules } from "./families/model.js";

/** A requirement on one label; `value` of matchLabels is an `In` of one. */
export interface LabelRequirement {
  /** With its source, e.g. `any:app`, `k8s:app`, `reserved:host`. */
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values: readonly string[];
}

/** All requirements must hold; none means: everything. */
export interface Selector {
  readonly at: SourcePosition;
  readonly requirements: readonly LabelRequirement[];
}

/** Transport protocols that rules name; `ANY` is all of them. */
export type Transport = "TCP" | "UDP" | "SCTP" | "ANY";

/** A range of ports, 0-0 for every port; or a name, which the endpoint that receives gives a number. */
export interface PortRange {
  readonly at: SourcePosition;
  readonly first: number;
  readonly last: number;
  /** Lower case; `first` and `last` are -1 then. */
  readonly name: string | undefined;
  readonly transport: Transport;
}

/** One entry of `toPorts`. `l7` undefined: every request on these ports. */
export interface PortRule {
  readonly at: SourcePosition;
  readonly ports: readonly PortRange[];
  readonly l7: L7Rules | undefined;
}

/** A block of addresses without some of it. */
export interface CidrRule {
  readonly at: SourcePosition;
  readonly cidr: Prefix;
  readonly except: readonly Prefix[];
}

/** Services by name, or by their labels; `namespace` undefined: of any namespace. */
export interface ServiceRule {
  readonly at: SourcePosition;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly selector: Selector | undefined;
}

/** A DNS name, or a pattern of names (see `families/dns.ts`). */
export interface NameRule {
  readonly at: SourcePosition;
  readonly kind: "name" | "pattern";
  readonly text: string;
}

/** The other side of a rule. `anyone`: the rule names no peer; `nobody`: it names neither peers nor ports. */
export type PeerRule =
  | { readonly kind: "anyone" }
  | { readonly kind: "nobody" }
  | { readonly kind: "endpoints"; readonly selectors: readonly Selector[] }
  | { readonly kind: "entities"; readonly names: readonly string[] }
  | { readonly kind: "cidrs"; readonly cidrs: readonly CidrRule[] }
  | { readonly kind: "services"; readonly services: readonly ServiceRule[] }
  | { readonly kind: "fqdns"; readonly names: readonly NameRule[] };

/** The process that opened the connection; all given fields must fit. `*` stands for any characters. */
export interface ProcessRule {
  readonly at: SourcePosition;
  readonly executable: string | undefined;
  readonly uid: number | undefined;
  readonly cgroup: string | undefined;
}

/** One entry of `ingress`, `egress`, `ingressDeny` or `egressDeny`. `ports` undefined: every port. */
export interface DirectionRule {
  readonly at: SourcePosition;
  /** Where in the document, e.g. `spec.ingress[0]`. */
  readonly path: string;
  readonly peers: PeerRule;
  readonly ports: readonly PortRule[] | undefined;
  /** Any of them; undefined: every process. */
  readonly processes: readonly ProcessRule[] | undefined;
}

/** Rules of one direction. */
export interface Direction {
  readonly allow: readonly DirectionRule[];
  readonly deny: readonly DirectionRule[];
  /** True when the policy makes what it does not allow denied. */
  readonly defaultDeny: boolean;
}

/** Ingress or egress. */
export type Way = "ingress" | "egress";

/** One spec of a CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy or NetworkPolicy. */
export interface Policy {
  readonly kind: "CiliumNetworkPolicy" | "CiliumClusterwideNetworkPolicy" | "NetworkPolicy";
  readonly name: string;
  /** Undefined for a policy of the whole cluster. */
  readonly namespace: string | undefined;
  readonly at: SourcePosition;
  readonly endpoints: Selector;
  /** Copied to the records of what the policy allows. */
  readonly log: string | undefined;
  /** Undefined when the policy says nothing of the direction. */
  readonly ingress: Direction | undefined;
  readonly egress: Direction | undefined;
}
