// SPDX-License-Identifier: Apache-2.0
import type { PrefixTable } from "../../l7policy/identity/prefix-table.js";
import { RESERVED } from "../../l7policy/identity/reserved.js";
import type { Identity, ProcessContext } from "../../l7policy/policy.js";
import type { Identify } from "../../proxy/parties.js";
import type { ConnectingProcess } from "../../sockmap/engine.js";
import type { ListenTerms } from "../config-schema.js";
import { addressBits } from "../../core/address.js";
import { parseHostPort } from "../address.js";
import { isLocal } from "./addresses.js";

const WILDCARDS = ["0.0.0.0", "::"];

/** What {@link makeIdentify} looks at; all but the functions is fixed while the agent runs. */
export interface IdentifyParts {
  /** Identity of an endpoint by its number; undefined when it has ended. */
  endpointIdentity(number: number): Identity | undefined;
  /** What rules see of a process that the kernel recorded. */
  processOf(process: ConnectingProcess): ProcessContext;
  /** Identities by address, for peers that are no endpoint. */
  readonly addresses: PrefixTable<Identity>;
  /** Explicit forwards by {@link forwardKey} of the address they listen on. */
  readonly forwards: ReadonlyMap<string, Forward>;
  /** Identity of an address that is none of these and not of this machine: world, or a block that policies name. */
  worldOf(address: string): Identity;
  /** Addresses of this machine now. */
  interfaces(): Iterable<string>;
}

/** Where an explicit listener leads. */
export interface Forward {
  readonly host: string;
  readonly port: number;
  readonly identity: Identity;
}

/** Key of a listening address, whichever way it is written. */
export function forwardKey(address: string, port: number): string {
  return `${addressBits(address)}:${port}`;
}

/** The table of explicit forwards, from checked configuration. */
export function forwardsOf(
  listen: readonly ListenTerms[],
  identityOf: (terms: ListenTerms) => Identity,
): Map<string, Forward> {
  const forwards = new Map<string, Forward>();
  for (const terms of listen) {
    const { address, service } = terms;
    const at = parseHostPort(address);
    const to = parseHostPort(service);
    if (at && to) forwards.set(forwardKey(at.host, at.port), { ...to, identity: identityOf(terms) });
  }
  return forwards;
}

/**
 * Tells who talks to whom: an endpoint by its socket, which its process cannot choose, everybody else by address.
 * A connection that was neither captured nor forwarded has no service: somebody connected to the sidecar's own port.
 */
export function makeIdentify(parts: IdentifyParts): Identify {
  const { endpointIdentity, processOf, addresses, forwards, worldOf, interfaces } = parts;
  const byAddress = (address: string): Identity =>
    addresses.get(address) ?? (isLocal(address, interfaces) ? RESERVED.host : worldOf(address));

  return (accepted, { remoteAddress, localAddress, localPort }) => {
    const endpoint = accepted.clientEndpoint ? endpointIdentity(accepted.clientEndpoint) : undefined;
    const client = endpoint ?? byAddress(remoteAddress);
    const from = {
      client,
      clientIsEndpoint: endpoint !== undefined,
      process: accepted.process && processOf(accepted.process),
    };
    if (accepted.serviceEndpoint) {
      // Captured on its way in: the local address is the service's own.
      const service = endpointIdentity(accepted.serviceEndpoint);
      if (service === undefined) return undefined;
      return { ...from, service, serviceIsEndpoint: true, address: localAddress, port: localPort };
    }
    if (accepted.original) {
      const { address, port } = accepted.original;
      return { ...from, service: byAddress(address), serviceIsEndpoint: false, address, port };
    }
    const forward = [localAddress, ...WILDCARDS]
      .map((address) => forwards.get(forwardKey(address, localPort)))
      .find((found) => found !== undefined);
    if (!forward) return undefined;
    const { identity: service, host: address, port } = forward;
    return { ...from, service, serviceIsEndpoint: true, address, port };
  };
}
