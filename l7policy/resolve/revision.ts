// SPDX-License-Identifier: Apache-2.0
import type { Prefix } from "../../core/address.js";
import { nameFits } from "../families/names.js";
import type { IdentityInfo } from "../identity/registry.js";
import { PrefixTable } from "../identity/prefix-table.js";
import { RESERVED } from "../identity/reserved.js";
import type { Selection } from "../identity/selections.js";
import type { NameRule, Policy, Way } from "../model.js";
import type { Identity, PolicyRevision, RuleSet, Traffic } from "../policy.js";
import { EndpointPolicy } from "./endpoint-policy.js";
import { nameKey, peerMatcher } from "./peers.js";
import { portFits, processFits, type ActiveRule, type Connection } from "./rules.js";
import type { PolicyOptions, StoreParts } from "./store.js";

const ALLOW: RuleSet = { kind: "allow" };
const DENY: RuleSet = { kind: "deny" };
const WAYS = ["ingress", "egress"] as const;

interface Subject {
  readonly policy: Policy;
  readonly endpoints: Selection;
  readonly rules: Readonly<Record<Way, readonly ActiveRule[]>>;
}

/** Policies put in force together. What an identity is judged by is worked out when it is first asked for, and kept. */
export class ResolvedPolicies implements PolicyRevision {
  readonly audit: boolean;
  readonly options: PolicyOptions;
  /** Selections that this revision looks at. */
  readonly selections = new Set<Selection>();
  private readonly subjects: readonly Subject[];
  private readonly byEndpoint: Record<Way, Map<Identity, EndpointPolicy>> = {
    ingress: new Map(),
    egress: new Map(),
  };
  private readonly selectedBy = new Map<Policy, Selection>();
  private readonly prefixes = new PrefixTable<Prefix>();
  private readonly names = new Map<string, NameRule>();
  private readonly namesMatched = new Map<string, readonly string[]>();

  constructor(
    readonly revision: number,
    readonly policies: readonly Policy[],
    private readonly parts: StoreParts,
  ) {
    this.options = parts.options;
    this.audit = parts.options.audit;
    this.subjects = policies.map((policy) => this.subject(policy));
  }

  ingress(endpoint: Identity, port: number, peer: Identity, traffic?: Traffic): RuleSet {
    return this.find("ingress", endpoint, port, peer, traffic);
  }

  egress(endpoint: Identity, port: number, peer: Identity, traffic?: Traffic): RuleSet {
    return this.find("egress", endpoint, port, peer, traffic);
  }

  restrictsEgress(endpoint: Identity): boolean {
    const info = this.parts.registry.info(endpoint);
    if (!info || this.parts.options.mode === "never") return false;
    const { rules, defaultDeny } = this.of("egress", info);
    return rules.length > 0 || defaultDeny;
  }

  /** True when a rule names processes, so that it must be recorded which of them connect. */
  get namesProcesses(): boolean {
    if (this.parts.options.mode === "never") return false;
    return [...this.rules()].some(({ rule }) => rule.processes !== undefined);
  }

  /** The identity of an address that belongs to no workload and no node: world, or a block or name that rules know. */
  worldOf(address: string): Identity {
    const prefix = this.prefixes.get(address);
    const names: string[] = [];
    if (this.names.size > 0)
      for (const name of this.parts.names.of(address)) names.push(...this.rulesOfName(name));
    return this.parts.registry.worldIdentity(prefix, [...new Set(names)]);
  }

  /** Texts of `log.value` of the policies that have a rule on a connection, for its records. */
  logOf(way: Way, endpoint: Identity, port: number, peer: Identity, traffic?: Traffic): readonly string[] {
    const connection = this.connection(way, endpoint, port, peer, traffic);
    if (!connection) return [];
    const texts = this.of(way, connection.endpoint).rules.flatMap((active) => {
      const { policy, rule, peer: matcher } = active;
      return policy.log !== undefined &&
        matcher.fits(connection.peer) &&
        processFits(active, connection.process) &&
        (!rule.ports || rule.ports.some((entry) => portFits(entry, connection)))
        ? [policy.log]
        : [];
    });
    return [...new Set(texts)];
  }

  /** What rules see of a connection; undefined when a party is not known. */
  connection(
    way: Way,
    endpoint: Identity,
    port: number,
    peer: Identity,
    { transport = "TCP", process }: Traffic = {},
  ): Connection | undefined {
    const { registry, portNames } = this.parts;
    const own = registry.info(endpoint);
    const other = registry.info(peer) ?? registry.info(RESERVED.unknown);
    if (!own || !other) return undefined;
    return { way, endpoint: own, peer: other, port, transport, process, portNames };
  }

  /** What is known of an identity. */
  infoOf(identity: Identity): IdentityInfo | undefined {
    return this.parts.registry.info(identity);
  }

  /** TCP ports that the endpoints of an identity give a name. */
  portsNamed(identity: Identity, name: string): readonly number[] {
    return this.parts.portNames.numbers(identity, name, "TCP");
  }

  /** Names of ports in ingress rules for an identity that none of its endpoints gives a port. */
  portsUnknown(endpoint: IdentityInfo): readonly string[] {
    const names = this.of("ingress", endpoint).names;
    return [...names].filter((name) => this.portsNamed(endpoint.identity, name).length === 0);
  }

  /** All rules of one direction that select an identity. */
  of(way: Way, { identity, labels }: IdentityInfo): EndpointPolicy {
    let found = this.byEndpoint[way].get(identity);
    if (!found) {
      const { mode } = this.parts.options;
      const selecting = this.subjects.filter(({ endpoints }) => endpoints.has(identity));
      const defaultDeny =
        mode === "always" ||
        // Nobody knows yet what it will be.
        labels.get("reserved:init") !== undefined ||
        selecting.some(({ policy }) => policy[way]?.defaultDeny);
      const rules = selecting.flatMap((subject) => subject.rules[way]);
      found = new EndpointPolicy(rules, defaultDeny, this.parts.compile);
      this.byEndpoint[way].set(identity, found);
    }
    return found;
  }

  /** Forgets what was worked out for an identity, as an endpoint and as a peer: its number is given away again. */
  forget(identity: Identity): void {
    for (const way of WAYS) {
      this.byEndpoint[way].delete(identity);
      for (const policy of this.byEndpoint[way].values()) policy.forget();
    }
  }

  /** All rules, by policy. */
  *rules(): Iterable<ActiveRule> {
    for (const { rules } of this.subjects) for (const way of WAYS) yield* rules[way];
  }

  /** Identities that a policy is for. */
  subjectOf(policy: Policy): Selection | undefined {
    return this.selectedBy.get(policy);
  }

  private find(way: Way, endpoint: Identity, port: number, peer: Identity, traffic?: Traffic): RuleSet {
    const { mode, allowLocalhost } = this.parts.options;
    if (mode === "never") return ALLOW;
    const connection = this.connection(way, endpoint, port, peer, traffic);
    // Nobody is this endpoint: rather closed than judged by nothing.
    if (!connection) return DENY;
    const set = this.of(way, connection.endpoint).find(connection);
    if (allowLocalhost && way === "ingress" && peer === RESERVED.host && set.kind !== "allow")
      return this.deniesHost(connection) ? DENY : ALLOW;
    return set;
  }

  private deniesHost(connection: Connection): boolean {
    return this.of("ingress", connection.endpoint).denies(connection);
  }

  private rulesOfName(name: string): readonly string[] {
    let matched = this.namesMatched.get(name);
    if (!matched) {
      matched = [...this.names].flatMap(([key, rule]) => (nameFits(rule, name) ? [key] : []));
      this.namesMatched.set(name, matched);
    }
    return matched;
  }

  private subject(policy: Policy): Subject {
    const endpoints = this.parts.selections.of(policy.endpoints);
    this.selections.add(endpoints);
    this.selectedBy.set(policy, endpoints);
    const rules = (way: Way): ActiveRule[] => {
      const direction = policy[way];
      if (!direction) return [];
      const active = (deny: boolean) =>
        direction[deny ? "deny" : "allow"].map((rule) => {
          const peer = peerMatcher(rule.peers, this.parts.selections, this.parts.services);
          for (const selection of peer.selections) this.selections.add(selection);
          for (const prefix of peer.prefixes) this.prefixes.set(prefix, prefix);
          if (rule.peers.kind === "fqdns")
            for (const name of rule.peers.names) this.names.set(nameKey(name), name);
          return { policy, way, rule, deny, soft: !direction.defaultDeny, peer };
        });
      return [...active(true), ...active(false)];
    };
    return { policy, endpoints, rules: { ingress: rules("ingress"), egress: rules("egress") } };
  }
}
