// SPDX-License-Identifier: Apache-2.0
import { prefixText } from "../../core/address.js";
import type { SourcePosition } from "../../core/errors.js";
import { CLUSTER_LABEL, NAMESPACE_LABEL, selectorText } from "../identity/labels.js";
import type { IdentityInfo } from "../identity/registry.js";
import type { DirectionRule, L7Rules, PeerRule, Policy } from "../model.js";
import type { ActiveRule } from "../resolve/rules.js";

/** A rule as people find it. */
export interface RuleRef {
  /** `namespace/name`, or `name` for a policy of the whole cluster. */
  readonly policy: string;
  readonly file: string;
  readonly line: number;
  /** E.g. `spec.ingress[0].toPorts[0].rules.http[1]`. */
  readonly field: string;
}

/** Name of a policy with its namespace. */
export function policyName({ namespace, name }: Policy): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** Where a rule stands; with a port entry, and a rule of its L7 part, where these stand. */
export function refOf({ policy, rule }: ActiveRule, entry?: number, l7?: L7Rules, index?: number): RuleRef {
  const ports = policy.kind === "NetworkPolicy" ? "ports" : "toPorts";
  const at: SourcePosition =
    (l7 && index !== undefined ? l7.rules[index]?.at : undefined) ??
    (entry === undefined ? undefined : rule.ports?.[entry]?.at) ??
    rule.at;
  const within =
    entry === undefined
      ? ""
      : policy.kind === "NetworkPolicy"
        ? `.${ports}`
        : `.${ports}[${entry}]${l7 && index !== undefined ? `.${l7.field}[${index}]` : ""}`;
  return { policy: policyName(policy), file: at.file, line: at.line, field: `${rule.path}${within}` };
}

/** An identity for people: the labels that tell it from others. */
export function identityText({ labels, prefix, names }: IdentityInfo): string {
  if (prefix || names.size > 0) {
    const known = [
      ...(prefix ? [prefixText(prefix)] : []),
      ...[...names].map((name) => name.replace(/^~/, "")),
    ];
    return `world (${known.join(", ")})`;
  }
  const texts = Object.entries(labels.labels).flatMap(([key, value]) => {
    if (key === `k8s:${CLUSTER_LABEL}`) return [];
    if (key === `k8s:${NAMESPACE_LABEL}` && value === "default") return [];
    if (key.startsWith("reserved:")) return [key.slice("reserved:".length)];
    return [`${key.replace(/^k8s:/, "")}=${value}`];
  });
  return texts.join(", ") || "a workload without labels";
}

/** What a rule's peers are, for people. */
export function peersText(peers: PeerRule): string {
  switch (peers.kind) {
    case "anyone":
      return "anyone";
    case "nobody":
      return "nobody (the rule is empty)";
    case "endpoints":
      return (
        peers.selectors.map((one) => shortSelector(selectorText(one))).join(" or ") ||
        "nobody (the list is empty)"
      );
    case "entities":
      return peers.names.join(" or ") || "nobody (the list is empty)";
    case "cidrs":
      return (
        peers.cidrs
          .map(({ cidr, except }) =>
            [prefixText(cidr), ...except.map((one) => `without ${prefixText(one)}`)].join(" "),
          )
          .join(" or ") || "nobody (the list is empty)"
      );
    case "fqdns":
      return peers.names.map(({ text }) => text).join(" or ") || "nobody (the list is empty)";
    case "services":
      return `services ${peers.services.map(({ name, selector }) => name ?? (selector ? selectorText(selector) : "")).join(" or ")}`;
  }
}

function shortSelector(text: string): string {
  const kept = text
    .split(", ")
    .filter((one) => one !== `k8s:${NAMESPACE_LABEL}=default`)
    .map((one) => one.replace(/^any:/, ""));
  return kept.join(", ") || "every workload of the namespace";
}

/** What a rule's ports are, for people. */
export function portsText({ ports }: DirectionRule): string {
  if (!ports) return "every port";
  const ranges = ports
    .flatMap((entry) => entry.ports)
    .map(({ first, last, name, transport }) => {
      const number =
        name ?? (first === 0 ? "every port" : first === last ? String(first) : `${first}-${last}`);
      return transport === "ANY" ? number : `${number}/${transport}`;
    });
  return [...new Set(ranges)].join(", ");
}

/** What a rule's processes are, for people. */
export function processesText({ processes }: DirectionRule): string {
  const texts = (processes ?? []).map(({ executable, uid, cgroup }) =>
    [executable, uid === undefined ? undefined : `uid ${uid}`, cgroup && `cgroup ${cgroup}`]
      .filter(Boolean)
      .join(" "),
  );
  return texts.join(" or ") || "none (the list is empty)";
}
