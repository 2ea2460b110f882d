// SPDX-License-Identifier: Apache-2.0
import type { Selector, ServiceRule, Transport } from "../model.js";
import type { Identity, Labels } from "../policy.js";
import { LabelSet, normalLabels } from "./labels.js";

/** A Kubernetes service as policies see it. */
export interface Service {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  /** Labels of the workloads behind it; undefined for a service whose addresses are given. */
  readonly selector: Labels | undefined;
  /** Addresses behind it that belong to no workload. */
  readonly addresses: readonly string[];
}

/** True when a rule of `toServices` means a service. */
export function serviceFits(rule: ServiceRule, service: Service): boolean {
  if (rule.namespace !== undefined && rule.namespace !== service.namespace) return false;
  if (rule.name !== undefined) return rule.name === service.name;
  const selector: Selector | undefined = rule.selector;
  return selector !== undefined && new LabelSet(normalLabels(service.labels)).fits(selector);
}

/** A port that an endpoint gives a name. */
export interface NamedPort {
  readonly name: string;
  readonly port: number;
  readonly transport: Exclude<Transport, "ANY">;
}

/** Named ports of identities. Endpoints of one identity may name different ports: all of them count. */
export class PortNames {
  private readonly byIdentity = new Map<Identity, NamedPort[]>();
  /** Counts changes. */
  version = 0;

  /** Names a port. */
  set(identity: Identity, port: NamedPort): void {
    const known = this.byIdentity.get(identity) ?? [];
    this.byIdentity.set(identity, [...known, { ...port, name: port.name.toLowerCase() }]);
    this.version++;
  }

  /** Forgets the ports of an identity. */
  clear(identity: Identity): void {
    if (this.byIdentity.delete(identity)) this.version++;
  }

  /** Ports that the endpoints of an identity give a name. */
  numbers(identity: Identity, name: string, transport: Transport): number[] {
    return (this.byIdentity.get(identity) ?? [])
      .filter((one) => one.name === name && one.transport === transport)
      .map(({ port }) => port);
  }

  /** True when the endpoints of an identity give that port that name. */
  fits(identity: Identity, name: string, port: number, transport: Transport): boolean {
    const ports = this.byIdentity.get(identity) ?? [];
    return ports.some((one) => one.name === name && one.port === port && one.transport === transport);
  }
}
