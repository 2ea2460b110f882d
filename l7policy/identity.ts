// SPDX-License-Identifier: Apache-2.0
import type { Selector } from "./model.js";
import { NAMESPACE_LABEL } from "./parse.js";
import type { Identity, Labels } from "./policy.js";

/** Identities that are not made from labels; numbers as in Cilium (`pkg/identity/numericidentity.go`). */
export const RESERVED = {
  unknown: 0,
  host: 1,
  world: 2,
  unmanaged: 3,
  health: 4,
  init: 5,
  "remote-node": 6,
  "kube-apiserver": 7,
  ingress: 8,
} as const;

const FIRST = 256;
const LAST = 65535;

/** Gives each distinct label set one number, for as long as the registry lives. */
export class IdentityRegistry {
  private readonly numbers = new Map<string, Identity>();
  private readonly labels = new Map<Identity, Labels>();
  private next = FIRST;

  constructor() {
    for (const [name, number] of Object.entries(RESERVED))
      this.labels.set(number, { [`reserved:${name}`]: "" });
  }

  /** The identity of a label set; a workload without a namespace is in `default`. Throws RangeError past 65535. */
  identityOf(labels: Labels): Identity {
    const full: Labels = { [NAMESPACE_LABEL]: "default", ...labels };
    const key = JSON.stringify(Object.entries(full).sort(([a], [b]) => (a < b ? -1 : 1)));
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    if (this.next > LAST) throw new RangeError("no identity is left: too many distinct label sets");
    const number = this.next++;
    this.numbers.set(key, number);
    this.labels.set(number, full);
    return number;
  }

  /** Labels of an identity; empty for an unknown number. */
  labelsOf(identity: Identity): Labels {
    return this.labels.get(identity) ?? {};
  }
}

/** True when labels meet every requirement of a selector. */
export function selects(selector: Selector, labels: Labels): boolean {
  return selector.requirements.every(({ key, operator, values }) => {
    const value = labels[key];
    switch (operator) {
      case "In":
        return value !== undefined && values.includes(value);
      case "NotIn":
        return value === undefined || !values.includes(value);
      case "Exists":
        return value !== undefined;
      case "DoesNotExist":
        return value === undefined;
    }
  });
}
