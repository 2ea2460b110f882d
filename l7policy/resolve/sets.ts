// SPDX-License-Identifier: Apache-2.0
import type { HttpRuleSet } from "../compile/http.js";
import {
  httpRules,
  httpRulesOf,
  memcachedId,
  memcachedRulesOf,
  orderedMemcached,
  type SourcePart,
} from "../compile/source.js";
import { WeakCache } from "../compile/weak-cache.js";
import { digestOf } from "../families/digest.js";
import { MemcachedRuleSet } from "../families/memcached-set.js";
import type { Family, L7Rules } from "../families/model.js";
import type { L7RuleSet, RuleSet } from "../policy.js";
import { RuleSetCache } from "../ruleset.js";
import type { AwaitedSet, AwaitedSets } from "./awaited.js";
import { withEffects } from "./effects.js";

const DENY: RuleSet = { kind: "deny" };

/** Protocol that a family's requests are of: gRPC calls are HTTP requests. */
export function protocolOf(family: Family): string {
  return family === "grpc" ? "http" : family;
}

/** Makes rule sets of L7 rules; equal ones are one, also across revisions. */
export class SetCompiler {
  private readonly cache = new RuleSetCache();
  private readonly known = new WeakCache<L7RuleSet>();

  /** @param awaited compiles elsewhere; undefined: here, when a set is first asked for */
  constructor(private readonly awaited: AwaitedSets | undefined) {}

  /** The rule set of rules that hold together. Protocols that disagree leave nothing allowed. */
  readonly compile = (l7: readonly L7Rules[]): RuleSet => {
    const protocols = new Set(l7.map(({ family }) => protocolOf(family)));
    const [protocol] = protocols;
    if (protocols.size !== 1 || protocol === undefined) return DENY;
    const { awaited, cache } = this;
    if (protocol === "http") {
      const make = (part: SourcePart): AwaitedSet | HttpRuleSet =>
        awaited ? awaited.of(protocol, l7, part) : cache.http(httpRulesOf({ protocol, l7, part }));
      return withEffects(httpRules(l7), make);
    }
    if (protocol === "memcached" && awaited) return awaited.of(protocol, l7);
    if (protocol === "memcached") {
      const rules = orderedMemcached(memcachedRulesOf({ l7 }));
      const id = memcachedId(rules);
      return this.known.get(id, () => new MemcachedRuleSet(id, rules));
    }
    return unasked(protocol, [...new Set(l7.map(digestOf))].sort().join());
  };
}

/** The rule set of a protocol without a codec: nothing is ever asked of it. */
function unasked(protocol: string, id: string): L7RuleSet {
  return { kind: "l7", protocol, id, judge: () => false, judgeUpgrade: () => false };
}
