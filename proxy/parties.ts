// SPDX-License-Identifier: Apache-2.0
import type { Identity, PolicyRevision, ProcessContext, RuleSet } from "../l7policy/policy.js";
import type { Accepted } from "../sockmap/engine.js";

/** Who talks to whom on one connection, and where it goes. */
export interface Parties {
  readonly client: Identity;
  /** True when the client is an endpoint of this node: its egress rules hold. */
  readonly clientIsEndpoint: boolean;
  /** The process that opened the connection, as far as it is known. */
  readonly process?: ProcessContext | undefined;
  readonly service: Identity;
  /** True when the service is an endpoint of this node: its ingress rules hold. */
  readonly serviceIsEndpoint: boolean;
  /** Where the client wanted to go. */
  readonly address: string;
  /** Destination port that policy judges. */
  readonly port: number;
}

/** The parties of a connection that is not identified yet. */
export const NOBODY: Parties = {
  client: 0,
  clientIsEndpoint: false,
  service: 0,
  serviceIsEndpoint: false,
  address: "",
  port: 0,
};

/** Addresses of an accepted connection, as the socket tells them. */
export interface SocketAddresses {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/**
 * Tells the parties of an accepted connection; supplied by the agent. Undefined when there is no service behind it:
 * somebody connected to a listener of the sidecar itself.
 */
export type Identify = (accepted: Accepted, addresses: SocketAddresses) => Parties | undefined;

/** The rule sets that a connection must fulfil, all of them. */
export type Terms =
  | { readonly kind: "deny" }
  /** `audited`: policy denies it, and is only recorded. */
  | { readonly kind: "allow"; readonly audited?: boolean }
  | { readonly kind: "l7"; readonly protocol: string; readonly sets: readonly L7RuleSet[] };

/** A rule set that judges requests. */
export type L7RuleSet = Extract<RuleSet, { kind: "l7" }>;

const AUDITED: Terms = { kind: "allow", audited: true };

/** What holds in place of a denial. */
export function denial(policy: PolicyRevision): Terms {
  return policy.audit ? AUDITED : { kind: "deny" };
}

/** What policies want on the records of a connection. */
export function recordsOf(policy: PolicyRevision, parties: Parties): readonly string[] {
  const { client, service, port, process } = parties;
  const egress = parties.clientIsEndpoint
    ? policy.logOf?.("egress", client, port, service, { process })
    : undefined;
  const ingress = parties.serviceIsEndpoint
    ? policy.logOf?.("ingress", service, port, client, { process })
    : undefined;
  return [...new Set([...(egress ?? []), ...(ingress ?? [])])];
}

/** True when policy denies what these terms let through. */
export function isAudited(terms: Terms): boolean {
  return terms.kind === "allow" && terms.audited === true;
}

/** The client's egress and the service's ingress in one; protocols that disagree leave nothing allowed. */
export function termsOf(policy: PolicyRevision, parties: Parties): Terms {
  const { client, service, port, process } = parties;
  const sets: RuleSet[] = [];
  if (parties.clientIsEndpoint) sets.push(policy.egress(client, port, service, { process }));
  if (parties.serviceIsEndpoint) sets.push(policy.ingress(service, port, client, { process }));
  const judging: L7RuleSet[] = [];
  for (const set of sets) {
    if (set.kind === "deny") return denial(policy);
    if (set.kind === "l7") judging.push(set);
  }
  const first = judging[0];
  if (!first) return { kind: "allow" };
  if (judging.some((set) => set.protocol !== first.protocol)) return denial(policy);
  return { kind: "l7", protocol: first.protocol, sets: judging[1]?.id === first.id ? [first] : judging };
}
