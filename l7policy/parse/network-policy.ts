// SPDX-License-Identifier: Apache-2.0
import { NAMESPACE_LABEL, NAMESPACE_LABELS, NAMESPACE_NAME } from "../identity/labels.js";
import type {
  Direction,
  DirectionRule,
  LabelRequirement,
  PeerRule,
  Policy,
  PortRange,
  PortRule,
  Selector,
} from "../model.js";
import { object, optional, required } from "../shape/object.js";
import { choice, convert, list, type Read, type Shape } from "../shape/shape.js";
import { ipBlock } from "./cidr.js";
import { portRange } from "./ports.js";
import { selector, subjectSelector } from "./selector.js";

/** Labels of a namespace as its workloads carry them. */
const ofNamespace = (key: string): string => {
  const name = key.slice(key.indexOf(":") + 1);
  return name === NAMESPACE_NAME ? `k8s:${NAMESPACE_LABEL}` : `k8s:${NAMESPACE_LABELS}${name}`;
};
const namespaceSelector: Shape<Selector> = convert(selector("k8s"), ({ at, requirements }) => ({
  at,
  requirements: [
    ...requirements.map((one) => ({ ...one, key: ofNamespace(one.key) })),
    // Of any namespace, but of one: addresses outside have none.
    { key: `k8s:${NAMESPACE_LABEL}`, operator: "Exists", values: [] } satisfies LabelRequirement,
  ],
}));

/** A peer; pods of the policy's namespace where none is selected. */
const peer: Shape<PeerRule> = convert(
  object(
    {
      podSelector: optional(selector("k8s"), "Pods by labels."),
      namespaceSelector: optional(namespaceSelector, "Namespaces by labels; {} is all."),
      ipBlock: optional(ipBlock, "Addresses outside of the cluster."),
    },
    ({ podSelector, namespaceSelector: namespaces, ipBlock: block }, complain) => {
      if (block && (podSelector ?? namespaces))
        complain("ipBlock", "cannot be combined with podSelector or namespaceSelector");
      if (!block && !podSelector && !namespaces)
        complain("", "must have a podSelector, namespaceSelector or ipBlock");
    },
  ),
  ({ at, podSelector, namespaceSelector: namespaces, ipBlock: block }, { reader }) => {
    if (block) return { kind: "cidrs", cidrs: [block] };
    const own: LabelRequirement = {
      key: `k8s:${NAMESPACE_LABEL}`,
      operator: "In",
      values: [reader.scope.namespace ?? "default"],
    };
    const requirements = [...(podSelector?.requirements ?? []), ...(namespaces?.requirements ?? [own])];
    return { kind: "endpoints", selectors: [{ at, requirements }] };
  },
);

/** A port; TCP where no protocol is named, and every port where only a protocol is. */
const port: Shape<PortRange> = convert(portRange, (range, { node }) =>
  names(node, "protocol") ? range : { ...range, transport: "TCP" as const },
);

function names(node: unknown, field: string): boolean {
  const { items = [] } = node as { items?: { key?: { value?: unknown } }[] };
  return items.some((item) => item.key?.value === field);
}

const RULE = { ports: optional(list(port), "Any of these ports; every port when empty.") };
const from = optional(list(peer), "Any of these peers; everybody when empty.");
const ingress = object({ ...RULE, from });
const egress = object({ ...RULE, to: from });

/** `spec` of a NetworkPolicy. */
export const networkPolicySpec = object({
  podSelector: required(subjectSelector, "Pods that the policy is for. {} is all of the namespace."),
  ingress: optional(list(ingress), "What the pods may receive; nothing when empty."),
  egress: optional(list(egress), "What the pods may send; nothing when empty."),
  policyTypes: optional(list(choice(["Ingress", "Egress"])), "Directions that the policy is for."),
});

interface RuleRead {
  readonly at: DirectionRule["at"];
  readonly path: string;
  readonly ports: readonly PortRange[] | undefined;
}

/** Here an empty list is everybody: the opposite of CiliumNetworkPolicy. */
function rulesOf(rule: RuleRead, peers: readonly PeerRule[] | undefined): DirectionRule[] {
  const { at, path } = rule;
  const ports: readonly PortRule[] | undefined =
    rule.ports && rule.ports.length > 0 ? [{ at, ports: rule.ports, l7: undefined }] : undefined;
  const all: readonly PeerRule[] = peers && peers.length > 0 ? peers : [{ kind: "anyone" }];
  return all.map((one) => ({ at, path, peers: one, ports, processes: undefined }));
}

/** A policy of what a NetworkPolicy's spec says. */
export function networkPolicyOf(
  spec: Read<typeof networkPolicySpec>,
  name: string,
  namespace: string,
): Policy {
  const types = spec.policyTypes ?? ["Ingress", ...(spec.egress ? ["Egress"] : [])];
  const direction = (allow: readonly DirectionRule[]): Direction => ({ allow, deny: [], defaultDeny: true });
  return {
    kind: "NetworkPolicy",
    name,
    namespace,
    at: spec.at,
    endpoints: spec.podSelector,
    log: undefined,
    ingress: types.includes("Ingress")
      ? direction((spec.ingress ?? []).flatMap((rule) => rulesOf(rule, rule.from)))
      : undefined,
    egress: types.includes("Egress")
      ? direction((spec.egress ?? []).flatMap((rule) => rulesOf(rule, rule.to)))
      : undefined,
  };
}
