// SPDX-License-Identifier: Apache-2.0
import { IdentityRegistry, RESERVED, selects } from "./identity.js";
import type { Direction, DirectionRule, HttpRule, PeerRule, Policy } from "./model.js";
import type { Identity, PolicyRevision, RuleSet } from "./policy.js";
import { RuleSetCache } from "./ruleset.js";

const ALLOW: RuleSet = { kind: "allow" };
const DENY: RuleSet = { kind: "deny" };

/** Policies put in force together: rule sets are resolved when they are first asked for, and kept for the revision. */
export class ResolvedPolicies implements PolicyRevision {
  private readonly sets = new Map<string, RuleSet>();
  private readonly selected = new Map<string, readonly Direction[]>();

  constructor(
    readonly revision: number,
    private readonly policies: readonly Policy[],
    private readonly identities: IdentityRegistry,
    private readonly cache: RuleSetCache,
  ) {}

  ingress(endpoint: Identity, port: number, peer: Identity): RuleSet {
    return this.find("ingress", endpoint, port, peer);
  }

  egress(endpoint: Identity, port: number, peer: Identity): RuleSet {
    return this.find("egress", endpoint, port, peer);
  }

  restrictsEgress(endpoint: Identity): boolean {
    return this.directions("egress", endpoint).length > 0;
  }

  private find(way: "ingress" | "egress", endpoint: Identity, port: number, peer: Identity): RuleSet {
    const key = `${way} ${endpoint} ${port} ${peer}`;
    let set = this.sets.get(key);
    if (!set) {
      set = this.resolve(this.directions(way, endpoint), port, peer);
      this.sets.set(key, set);
    }
    return set;
  }

  private directions(way: "ingress" | "egress", endpoint: Identity): readonly Direction[] {
    const key = `${way} ${endpoint}`;
    let found = this.selected.get(key);
    if (!found) {
      const labels = this.identities.labelsOf(endpoint);
      found = this.policies
        .filter((policy) => selects(policy.endpoints, labels))
        .map((policy) => policy[way])
        .filter((direction) => direction !== undefined);
      this.selected.set(key, found);
    }
    return found;
  }

  /** Deny beats allow; within a rule peer, port and L7 must all fit; rules add up; an L4 rule makes L7 rules moot. */
  private resolve(directions: readonly Direction[], port: number, peer: Identity): RuleSet {
    const fits = (rule: DirectionRule): boolean => this.peerFits(rule.peers, peer);
    const onPort = (ports: readonly { first: number; last: number }[]): boolean =>
      ports.some(({ first, last }) => first === 0 || (port >= first && port <= last));
    if (
      directions.some(({ deny }) =>
        deny.some(
          (rule) => fits(rule) && (rule.ports === undefined || rule.ports.some((one) => onPort(one.ports))),
        ),
      )
    )
      return DENY;
    const http: HttpRule[] = [];
    let judged = false;
    let open = !directions.some(({ defaultDeny }) => defaultDeny);
    for (const { allow } of directions)
      for (const rule of allow) {
        if (!fits(rule)) continue;
        if (rule.ports === undefined) open = true;
        for (const ports of rule.ports ?? []) {
          if (!onPort(ports.ports)) continue;
          if (ports.http === undefined) open = true;
          else {
            judged = true;
            http.push(...ports.http);
          }
        }
      }
    if (open) return ALLOW;
    return judged ? this.cache.http(http) : DENY;
  }

  private peerFits(rule: PeerRule | undefined, peer: Identity): boolean {
    if (!rule) return true;
    if (rule.kind === "endpoints") {
      const labels = this.identities.labelsOf(peer);
      return rule.selectors.some((selector) => selects(selector, labels));
    }
    return rule.names.some((name) => entityFits(name, peer));
  }
}

/** Whether a reserved name stands for an identity; `cluster` is every workload and the node itself. */
function entityFits(name: string, peer: Identity): boolean {
  if (name === "all") return true;
  if (name === "cluster") return peer !== RESERVED.world && peer !== RESERVED.unknown;
  return (RESERVED as Record<string, number>)[name] === peer;
}

/** Owns what lives longer than a revision: identities and compiled rule sets. */
export class PolicyStore {
  readonly identities = new IdentityRegistry();
  private readonly cache = new RuleSetCache();
  private revision = 0;

  /** Resolves policies as the next revision. Patterns of a rule set are compiled when it is first asked for. */
  resolve(policies: readonly Policy[]): PolicyRevision {
    return new ResolvedPolicies(++this.revision, policies, this.identities, this.cache);
  }
}
