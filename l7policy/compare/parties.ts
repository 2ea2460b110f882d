// SPDX-License-Identifier: Apache-2.0
import { prefixText, type Prefix } from "../../core/address.js";
import type { World } from "../cases/world.js";
import { NAMESPACE_LABEL } from "../identity/labels.js";
import type { DirectionRule, Policy, Selector } from "../model.js";

const MOST_WORKLOADS = 200;
const MOST_ADDRESSES = 200;
const RESERVED_PARTIES = ["world", "host", "remote-node", "kube-apiserver", "ingress", "health", "init"];

/** Those for whom policies are compared, as words that `Population.party` understands. */
export interface Parties {
  readonly workloads: readonly string[];
  readonly others: readonly string[];
}

/**
 * The endpoints given, else workloads made from the selectors: for each selector the fewest labels that it selects, for
 * pairs of them both, and one without labels; beside them the reserved ones and addresses in and beside each block.
 */
export function partiesOf(policies: readonly Policy[], world: World): Parties {
  const rules = policies.flatMap((policy) =>
    [policy.ingress, policy.egress].flatMap((way) => [...(way?.allow ?? []), ...(way?.deny ?? [])]),
  );
  const named = [...(world.endpoints?.keys() ?? [])];
  const workloads = named.length > 0 ? named : madeWorkloads(policies, rules);
  const names = [...(world.names?.values() ?? [])].flat();
  return { workloads, others: [...RESERVED_PARTIES, ...addressesOf(rules), ...new Set(names)] };
}

function madeWorkloads(policies: readonly Policy[], rules: readonly DirectionRule[]): string[] {
  const selectors = [
    ...policies.map(({ endpoints }) => endpoints),
    ...rules.flatMap(({ peers }) => (peers.kind === "endpoints" ? peers.selectors : [])),
  ];
  const single = selectors.flatMap(labelsFor);
  const made = new Map<string, ReadonlyMap<string, string>>();
  const add = (labels: ReadonlyMap<string, string>): void => {
    const text = [...labels]
      .map(([key, value]) => `${key}=${value}`)
      .sort()
      .join(",");
    if (made.size < MOST_WORKLOADS && text !== "") made.set(text, labels);
  };
  single.forEach(add);
  add(new Map([["any-other", "workload"]]));
  for (const one of single)
    for (const other of single)
      if ([...one].every(([key, value]) => (other.get(key) ?? value) === value))
        add(new Map([...one, ...other]));
  return [...made.keys()];
}

/** The fewest labels that a selector selects; several where it names several values. */
function labelsFor({ requirements }: Selector): ReadonlyMap<string, string>[] {
  let all: ReadonlyMap<string, string>[] = [new Map()];
  for (const { key, operator, values } of requirements) {
    if (key.startsWith("reserved:") || key.startsWith("cidr:") || key.startsWith("fqdn:")) return [];
    const plain = key.replace(/^any:/, "k8s:").replace(/^k8s:/, "");
    if (plain === NAMESPACE_LABEL && values.length === 1 && values[0] === "default") continue;
    if (operator === "In")
      all = all.flatMap((labels) => values.map((value) => new Map([...labels, [plain, value]]))).slice(0, 16);
    else if (operator === "Exists" && plain !== NAMESPACE_LABEL)
      all = all.map((labels) => (labels.has(plain) ? labels : new Map([...labels, [plain, "x"]])));
  }
  return all;
}

/** An address in each block and each of its exceptions: the last one, which smaller blocks hold least. */
function addressesOf(rules: readonly DirectionRule[]): string[] {
  const found = new Set<string>();
  for (const { peers } of rules) {
    if (peers.kind !== "cidrs") continue;
    for (const { cidr, except } of peers.cidrs)
      for (const prefix of [cidr, ...except]) if (found.size < MOST_ADDRESSES) found.add(lastOf(prefix));
  }
  return [...found];
}

function lastOf({ bits, length }: Prefix): string {
  const last = bits | ((1n << BigInt(128 - length)) - 1n);
  return prefixText({ bits: last, length: 128 }).replace(/\/\d+$/, "");
}
