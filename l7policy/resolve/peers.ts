// SPDX-License-Identifier: Apache-2.0
import { contains, parsePrefix, type Prefix } from "../../core/address.js";
import { CLUSTER_LABEL, normalLabels, NAMESPACE_LABEL } from "../identity/labels.js";
import type { IdentityInfo } from "../identity/registry.js";
import type { Selection, Selections } from "../identity/selections.js";
import { serviceFits, type Service } from "../identity/tables.js";
import type { CidrRule, PeerRule, Selector } from "../model.js";

/** Tells whether an identity is a peer of a rule. */
export interface PeerMatcher {
  fits(info: IdentityInfo): boolean;
  /** Selections that it looks at. */
  readonly selections: readonly Selection[];
  /** Blocks of addresses that it must be able to tell apart, its exceptions too. */
  readonly prefixes: readonly Prefix[];
}

const NOTHING = { selections: [], prefixes: [] };
const ANYONE: PeerMatcher = { ...NOTHING, fits: () => true };
const NOBODY: PeerMatcher = { ...NOTHING, fits: () => false };

/** What an entity is, by reserved labels; those of the cluster have a cluster label or one of these. */
const IN_CLUSTER = ["host", "remote-node", "init", "ingress", "health", "unmanaged", "kube-apiserver"];
const WORLD = ["world", "world-ipv4", "world-ipv6"];

/** True when a reserved name stands for an identity. */
export function entityFits(name: string, { labels }: IdentityInfo): boolean {
  const is = (reserved: string): boolean => labels.get(`reserved:${reserved}`) !== undefined;
  switch (name) {
    case "all":
      return true;
    case "none":
      return false;
    case "world":
      return WORLD.some(is);
    case "cluster":
      return IN_CLUSTER.some(is) || (labels.get(`k8s:${CLUSTER_LABEL}`)?.includes("default") ?? false);
    case "cluster-mesh":
      return IN_CLUSTER.some(is) || labels.get(`k8s:${CLUSTER_LABEL}`) !== undefined;
    default:
      return is(name);
  }
}

/** True when addresses outside, known by their longest block, lie in a rule's block and in none of its exceptions. */
export function cidrFits({ cidr, except }: CidrRule, { prefix }: IdentityInfo): boolean {
  return prefix !== undefined && contains(cidr, prefix) && !except.some((inner) => contains(inner, prefix));
}

/** Text under which a DNS rule's addresses are known. */
export function nameKey({ kind, text }: { readonly kind: string; readonly text: string }): string {
  return `${kind === "name" ? "" : "~"}${text.toLowerCase().replace(/\.$/, "")}`;
}

/** The matcher of a rule's peers. */
export function peerMatcher(
  rule: PeerRule,
  selections: Selections,
  services: readonly Service[],
): PeerMatcher {
  switch (rule.kind) {
    case "anyone":
      return ANYONE;
    case "nobody":
      return NOBODY;
    case "endpoints":
      return bySelectors(rule.selectors, selections);
    case "entities": {
      const { names } = rule;
      return { ...NOTHING, fits: (info) => names.some((name) => entityFits(name, info)) };
    }
    case "cidrs":
      return byCidrs(rule.cidrs);
    case "fqdns": {
      const keys = rule.names.map(nameKey);
      return { ...NOTHING, fits: ({ names }) => keys.some((key) => names.has(key)) };
    }
    case "services": {
      const meant = services.filter((service) => rule.services.some((one) => serviceFits(one, service)));
      const workloads = bySelectors(meant.flatMap(workloadsOf), selections);
      const outside = byCidrs(meant.flatMap(({ addresses }) => addressesOf(addresses)));
      return {
        fits: (info) => workloads.fits(info) || outside.fits(info),
        selections: workloads.selections,
        prefixes: outside.prefixes,
      };
    }
  }
}

function bySelectors(selectors: readonly Selector[], all: Selections): PeerMatcher {
  const selections = selectors.map((selector) => all.of(selector));
  const [only] = selections;
  const fits =
    selections.length === 1 && only
      ? ({ identity }: IdentityInfo) => only.has(identity)
      : ({ identity }: IdentityInfo) => selections.some((selection) => selection.has(identity));
  return { fits, selections, prefixes: [] };
}

function byCidrs(cidrs: readonly CidrRule[]): PeerMatcher {
  return {
    fits: (info) => info.prefix !== undefined && cidrs.some((one) => cidrFits(one, info)),
    selections: [],
    prefixes: cidrs.flatMap(({ cidr, except }) => [cidr, ...except]),
  };
}

const NOWHERE = { file: "", line: 1, column: 1 };

function workloadsOf({ selector, namespace }: Service): Selector[] {
  if (!selector) return [];
  const labels = { ...normalLabels(selector), [`k8s:${NAMESPACE_LABEL}`]: namespace };
  const requirements = Object.entries(labels).map(
    ([key, value]) => ({ key, operator: "In", values: [value] }) as const,
  );
  return [{ at: NOWHERE, requirements }];
}

function addressesOf(addresses: readonly string[]): CidrRule[] {
  return addresses.flatMap((address) => {
    const cidr = parsePrefix(address);
    return cidr ? [{ at: NOWHERE, cidr, except: [] }] : [];
  });
}
