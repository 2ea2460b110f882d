// SPDX-License-Identifier: Apache-2.0
import { addressBits, parsePrefix, type Prefix } from "../../core/address.js";
import { SockmeshError } from "../../core/errors.js";
import type { IdentityRegistry } from "../identity/registry.js";
import { PrefixTable } from "../identity/prefix-table.js";
import { RESERVED } from "../identity/reserved.js";
import type { Service } from "../identity/tables.js";
import type { Identity, Labels } from "../policy.js";
import type { ResolvedPolicies } from "../resolve/revision.js";
import type { PolicyStore } from "../resolve/store.js";
import { object, optional, required } from "../shape/object.js";
import { convert, dictionary, integer, list, text, type Read, type Shape } from "../shape/shape.js";

const labels: Shape<Labels> = convert(
  dictionary(text(), "Labels; keys may have a source, e.g. k8s:app."),
  (map) => Object.fromEntries(map),
);
const address: Shape<string> = convert(text(), (value, spot) =>
  addressBits(value) === undefined ? spot.fail(`${value} is no address`) : value,
);
const prefix: Shape<Prefix> = convert(
  text(),
  (value, spot) => parsePrefix(value) ?? spot.fail(`${value} is no CIDR or address`),
);

/** Fields of a file that describes who there is: for tools that judge policies without an agent. */
export const WORLD = {
  endpoints: optional(
    dictionary(
      object({
        labels: required(labels, "Labels of the workload."),
        address: optional(address, "Its address, for peers that are given by address."),
        ports: optional(dictionary(integer(1, 65535)), "Numbers of the ports that it names (TCP)."),
      }),
    ),
    "Workloads by name.",
  ),
  addresses: optional(
    list(
      object({
        cidr: required(prefix, "A block of addresses."),
        labels: required(labels, "Labels of everything behind it."),
      }),
    ),
    "Who is behind addresses that belong to no endpoint.",
  ),
  services: optional(
    list(
      object({
        name: required(text({ least: 1 }), "Name of the service."),
        namespace: optional(text({ least: 1 }), "Its namespace; default when left out."),
        labels: optional(labels, "Labels of the service itself."),
        selector: optional(labels, "Labels of the workloads behind it."),
        addresses: optional(list(address), "Addresses behind it that belong to no workload."),
      }),
    ),
    "Kubernetes services, for toServices.",
  ),
  names: optional(dictionary(list(address)), "Addresses that DNS gives for names, for toFQDNs."),
};
const worldShape = object(WORLD);

/** Who there is. */
export type World = Omit<Read<typeof worldShape>, "at" | "path">;

/** Nobody in particular. */
export const NO_WORLD: World = {
  endpoints: undefined,
  addresses: undefined,
  services: undefined,
  names: undefined,
};

/** Reads a file that holds nothing else. */
export const worldFile = worldShape;

/** Who there is, as identities of a store. */
export class Population {
  private readonly byName = new Map<string, Identity>();
  private readonly byAddress = new PrefixTable<Identity>();

  constructor(
    store: PolicyStore,
    private readonly world: World,
  ) {
    for (const [name, endpoint] of world.endpoints ?? []) {
      const identity = store.identities.identityOf(endpoint.labels);
      this.byName.set(name, identity);
      const own = endpoint.address === undefined ? undefined : parsePrefix(endpoint.address);
      if (own) this.byAddress.set(own, identity);
      for (const [port, number] of endpoint.ports ?? [])
        store.portNames.set(identity, { name: port, port: number, transport: "TCP" });
    }
    for (const { cidr, labels: own } of world.addresses ?? [])
      this.byAddress.set(cidr, store.identities.identityOf(own));
    store.setServices((world.services ?? []).map(serviceOf));
    for (const [name, addresses] of world.names ?? []) store.names.learn(name, addresses);
  }

  /** Workloads by name. */
  get endpoints(): ReadonlyMap<string, Identity> {
    return this.byName;
  }

  /** The number of a port that an endpoint names; undefined when it names none of that name. */
  portOf(endpoint: string, name: string): number | undefined {
    return this.world.endpoints?.get(endpoint)?.ports?.get(name);
  }

  /**
   * Who a text means: an endpoint's name, a reserved name (`world`, `host`), an address, or labels (`app=web,tier=a`).
   * Throws SM_USAGE.
   */
  party(words: string, registry: IdentityRegistry, revision: ResolvedPolicies): PartyFound {
    const named = this.byName.get(words);
    if (named !== undefined) return { identity: named, workload: true };
    if (Object.hasOwn(RESERVED, words))
      return { identity: RESERVED[words as keyof typeof RESERVED], workload: false };
    if (addressBits(words) !== undefined) {
      const known = this.byAddress.get(words);
      return { identity: known ?? revision.worldOf(words), workload: known !== undefined };
    }
    return { identity: registry.identityOf(labelsOf(words)), workload: true };
  }
}

/** A party, and whether it is a workload, whose own policies hold too. */
export interface PartyFound {
  readonly identity: Identity;
  readonly workload: boolean;
}

/** Reads `key=value,key=value`. Throws SM_USAGE. */
export function labelsOf(words: string): Labels {
  const pairs = words.split(",").map((pair): [string, string] => {
    const [, key, value] = /^([^=\s]+)=([^=]*)$/.exec(pair.trim()) ?? [];
    if (key !== undefined && value !== undefined) return [key, value];
    throw new SockmeshError(
      "SM_USAGE",
      `${words} is no endpoint, reserved name, address or labels (app=web,tier=a)`,
    );
  });
  return Object.fromEntries(pairs);
}

function serviceOf(service: NonNullable<World["services"]>[number]): Service {
  const { name, namespace = "default", labels: own = {}, selector, addresses = [] } = service;
  return { name, namespace, labels: own, selector, addresses };
}
