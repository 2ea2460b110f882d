// SPDX-License-Identifier: Apache-2.0
import type { DirectionRule, PeerRule, ProcessRule, ServiceRule, Way } from "../model.js";
import { object, optional, refused, required } from "../shape/object.js";
import { choice, convert, integer, list, text, type Shape } from "../shape/shape.js";
import { cidr, cidrSet } from "./cidr.js";
import { nameRule } from "./l7.js";
import { allowPorts, denyPorts } from "./ports.js";
import { peerSelector, selector } from "./selector.js";

/** Names of peers that are no workloads. */
export const ENTITIES = [
  ...["all", "world", "cluster", "cluster-mesh", "host", "init", "ingress", "unmanaged", "remote-node"],
  ...["health", "none", "kube-apiserver", "world-ipv4", "world-ipv6"],
] as const;

const entities = list(choice(ENTITIES));
const NAME = text({ pattern: /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, says: "is no Kubernetes name", most: 253 });

/** An entry of `toServices`. A service that names no namespace is of the policy's own. */
const service: Shape<ServiceRule> = convert(
  object(
    {
      k8sService: optional(
        object({
          serviceName: required(NAME, "Name of the service."),
          namespace: optional(NAME, "Its namespace; the policy's own when left out."),
        }),
        "A service by name.",
      ),
      k8sServiceSelector: optional(
        object({
          selector: required(selector("any"), "Labels of the services."),
          namespace: optional(NAME, "Their namespace; the policy's own when left out."),
        }),
        "Services by labels.",
      ),
    },
    ({ k8sService, k8sServiceSelector }, complain) => {
      if ((k8sService === undefined) === (k8sServiceSelector === undefined))
        complain("k8sService", "exactly one of k8sService and k8sServiceSelector must be given");
    },
  ),
  ({ at, k8sService, k8sServiceSelector }, { reader }) => ({
    at,
    namespace: k8sService?.namespace ?? k8sServiceSelector?.namespace ?? reader.scope.namespace,
    name: k8sService?.serviceName,
    selector: k8sServiceSelector?.selector,
  }),
);

/** An entry of `fromProcess`. */
const process: Shape<ProcessRule> = convert(
  object(
    {
      executable: optional(
        text({ pattern: /^[/*]/, says: "must be an absolute path" }),
        "Path of the program that connects; * is any characters.",
      ),
      uid: optional(integer(0, 0xffff_fffe), "User that it runs as."),
      cgroup: optional(
        text({ pattern: /^[/*]/, says: "must be a path from the root of the cgroups" }),
        "Its cgroup; * is any characters.",
      ),
    },
    ({ executable, uid, cgroup }, complain) => {
      if ((executable ?? uid ?? cgroup) === undefined) complain("", "must name an executable, uid or cgroup");
    },
  ),
  ({ at, executable, uid, cgroup }) => ({ at, executable, uid, cgroup }),
);

const NODES = "selects nodes by labels, and sockmesh knows none";
const GROUPS = "asks a cloud provider for addresses, and sockmesh asks none; write the CIDRs";
const REQUIRES = "has no meaning in Cilium either since 1.17; add to the selectors";
const ICMPS = "needs ICMP, which is not seen by the sidecar: it judges TCP";

const authentication = object({
  mode: required(
    choice(["disabled"], {
      required: "needs mutual authentication, and sockmesh has none yet",
      "test-always-fail": "is for tests of Cilium's authentication; use a deny rule",
    }),
    "Only disabled.",
  ),
});

const FROM = {
  fromEndpoints: optional(list(peerSelector), "Workloads by labels. An empty list selects nobody."),
  fromEntities: optional(entities, "Peers by name."),
  fromCIDR: optional(list(cidr), "Addresses that belong to no workload and no node."),
  fromCIDRSet: optional(list(cidrSet), "As fromCIDR, with exceptions."),
  fromNodes: refused(NODES),
  fromGroups: refused(GROUPS),
  fromRequires: refused(REQUIRES),
};
const TO = {
  toEndpoints: optional(list(peerSelector), "Workloads by labels. An empty list selects nobody."),
  toEntities: optional(entities, "Peers by name."),
  toCIDR: optional(list(cidr), "Addresses that belong to no workload and no node."),
  toCIDRSet: optional(list(cidrSet), "As toCIDR, with exceptions."),
  toServices: optional(list(service), "What is behind Kubernetes services."),
  toNodes: refused(NODES),
  toGroups: refused(GROUPS),
  toRequires: refused(REQUIRES),
};
const COMMON = {
  fromProcess: optional(
    list(process),
    "The program that opened the connection (sockmesh's own). An empty list selects none.",
  ),
  icmps: refused(ICMPS),
};

type Members = Partial<Record<PeerField, readonly unknown[] | undefined>>;
const PEER_FIELDS = {
  fromEndpoints: "endpoints",
  toEndpoints: "endpoints",
  fromEntities: "entities",
  toEntities: "entities",
  fromCIDR: "cidrs",
  toCIDR: "cidrs",
  fromCIDRSet: "cidrs",
  toCIDRSet: "cidrs",
  toServices: "services",
  toFQDNs: "fqdns",
} as const;
type PeerField = keyof typeof PEER_FIELDS;

function given(rule: Members): PeerField[] {
  return (Object.keys(PEER_FIELDS) as PeerField[]).filter((field) => rule[field] !== undefined);
}

function checkPeers(rule: Members, complain: (field: string, message: string) => void): void {
  const [first, second] = given(rule);
  if (first && second) complain(first, `cannot be combined with ${second} in one rule`);
}

/** A rule that names neither peers nor ports nor processes allows nothing: that is how Cilium spells default deny. */
function peersOf(rule: Members, narrowed: boolean): PeerRule {
  const [field] = given(rule);
  if (!field) return narrowed ? { kind: "anyone" } : { kind: "nobody" };
  const kind = PEER_FIELDS[field];
  const member =
    kind === "endpoints" ? "selectors" : kind === "entities" || kind === "fqdns" ? "names" : kind;
  return { kind, [member]: rule[field] } as unknown as PeerRule;
}

interface RuleRead extends Members {
  readonly at: DirectionRule["at"];
  readonly path: string;
  readonly toPorts: DirectionRule["ports"];
  readonly fromProcess: readonly ProcessRule[] | undefined;
}

function ruleOf(rule: RuleRead): DirectionRule {
  const { at, path, toPorts: ports, fromProcess: processes } = rule;
  return { at, path, peers: peersOf(rule, (ports ?? processes) !== undefined), ports, processes };
}

const authenticationField = optional(authentication, "Mutual authentication; only mode disabled.");
// An empty list would be every port in Cilium and no port to the eye: it is an error.
const toPorts = (way: Way) =>
  optional(list(allowPorts(way), { least: 1 }), "Ports, with what may be asked for on them.");
const toPortsDenied = optional(list(denyPorts, { least: 1 }), "Ports.");

/** An entry of `ingress`. */
export const ingressRule: Shape<DirectionRule> = convert(
  object(
    { ...FROM, ...COMMON, toPorts: toPorts("ingress"), authentication: authenticationField },
    checkPeers,
  ),
  ruleOf,
);
/** An entry of `egress`. */
export const egressRule: Shape<DirectionRule> = convert(
  object(
    {
      ...TO,
      toFQDNs: optional(list(nameRule), "Addresses that DNS gave for these names."),
      ...COMMON,
      toPorts: toPorts("egress"),
      authentication: authenticationField,
    },
    checkPeers,
  ),
  ruleOf,
);
const NO_AUTHENTICATION = refused("deny rules have no authentication");
/** An entry of `ingressDeny`. */
export const ingressDenyRule: Shape<DirectionRule> = convert(
  object({ ...FROM, ...COMMON, toPorts: toPortsDenied, authentication: NO_AUTHENTICATION }, checkPeers),
  ruleOf,
);
/** An entry of `egressDeny`. */
export const egressDenyRule: Shape<DirectionRule> = convert(
  object(
    {
      ...TO,
      toFQDNs: refused("deny rules cannot name what DNS gave"),
      ...COMMON,
      toPorts: toPortsDenied,
      authentication: NO_AUTHENTICATION,
    },
    checkPeers,
  ),
  ruleOf,
);
