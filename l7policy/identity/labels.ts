// SPDX-License-Identifier: Apache-2.0
import type { LabelRequirement, Selector } from "../model.js";
import type { Labels } from "../policy.js";

/** Label that holds a workload's namespace. */
export const NAMESPACE_LABEL = "io.kubernetes.pod.namespace";
/** Label that names the account that a workload runs as. */
export const SERVICE_ACCOUNT_LABEL = "io.cilium.k8s.policy.serviceaccount";
/** Prefix of the labels that a workload has from its namespace. */
export const NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels.";
/** Label that Kubernetes puts on every namespace: its name. */
export const NAMESPACE_NAME = "kubernetes.io/metadata.name";
/** Label that names a workload's cluster. */
export const CLUSTER_LABEL = "io.cilium.k8s.policy.cluster";

/** Source of labels that name none: policies written for Kubernetes must find them. */
const DEFAULT_SOURCE = "k8s";

/** A key with its source: `k8s:app`. Keys without one get the given source. */
export function withSource(key: string, source: string): string {
  return key.includes(":") ? key : `${source}:${key}`;
}

/** A label set in one form, with every source: keys `source:key`. */
export function normalLabels(labels: Labels): Labels {
  return Object.fromEntries(
    Object.entries(labels).map(([key, value]) => [withSource(key, DEFAULT_SOURCE), value]),
  );
}

/** The source of a key that has one. */
export function sourceOf(key: string): string {
  return key.slice(0, key.indexOf(":"));
}

/** Labels of an identity, looked up by key with source; `any:` keys find every source. */
export class LabelSet {
  private readonly values = new Map<string, readonly string[]>();

  /** @param labels in normal form */
  constructor(readonly labels: Labels) {
    for (const [key, value] of Object.entries(labels)) {
      this.values.set(key, [value]);
      const any = `any:${key.slice(key.indexOf(":") + 1)}`;
      this.values.set(any, [...(this.values.get(any) ?? []), value]);
    }
  }

  /** Values of a key; undefined when there is none. */
  get(key: string): readonly string[] | undefined {
    return this.values.get(key);
  }

  /** Keys that selectors may name, `any:` ones too. */
  keys(): Iterable<string> {
    return this.values.keys();
  }

  /** True when the labels meet every requirement. */
  fits(selector: Selector): boolean {
    return selector.requirements.every((one) => this.meets(one));
  }

  /** True when the labels meet one requirement. */
  meets({ key, operator, values }: LabelRequirement): boolean {
    const own = this.values.get(key);
    switch (operator) {
      case "In":
        return own !== undefined && own.some((value) => values.includes(value));
      case "NotIn":
        return own === undefined || !own.some((value) => values.includes(value));
      case "Exists":
        return own !== undefined;
      case "DoesNotExist":
        return own === undefined;
    }
  }
}

/** Text of a selector, one for equal ones, e.g. `any:app=web, k8s:tier in (a, b)`. */
export function selectorText({ requirements }: Selector): string {
  return requirements
    .map(({ key, operator, values }) => {
      if (operator === "Exists") return key;
      if (operator === "DoesNotExist") return `!${key}`;
      if (operator === "In" && values.length === 1) return `${key}=${values[0]}`;
      return `${key} ${operator === "In" ? "in" : "not in"} (${[...values].sort().join(", ")})`;
    })
    .sort()
    .join(", ");
}
