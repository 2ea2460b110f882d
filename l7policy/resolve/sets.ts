// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { WeakCache } from "../compile/weak-cache.js";
import { grpcAsHttp } from "../families/grpc.js";
import { MemcachedRuleSet } from "../families/memcached-set.js";
import type { Family, HttpRule, L7Rules, MemcachedRule } from "../families/model.js";
import type { L7RuleSet, RuleSet } from "../policy.js";
import { RuleSetCache } from "../ruleset.js";
import { withEffects } from "./effects.js";

const DENY: RuleSet = { kind: "deny" };

/** Protocol that a family's requests are of: gRPC calls are HTTP requests. */
export function protocolOf(family: Family): string {
  return family === "grpc" ? "http" : family;
}

/** HTTP rules of the families that are HTTP. */
export function httpRules(l7: readonly L7Rules[]): HttpRule[] {
  return l7.flatMap((one) =>
    one.family === "http" ? one.rules : one.family === "grpc" ? one.rules.map(grpcAsHttp) : [],
  );
}

/** Compiles L7 rules; equal ones are compiled once and shared, also across revisions. */
export class SetCompiler {
  private readonly cache = new RuleSetCache();
  private readonly known = new WeakCache<L7RuleSet>();

  /** The rule set of rules that hold together. Protocols that disagree leave nothing allowed. */
  readonly compile = (l7: readonly L7Rules[]): RuleSet => {
    const protocols = new Set(l7.map(({ family }) => protocolOf(family)));
    const [protocol] = protocols;
    if (protocols.size !== 1 || protocol === undefined) return DENY;
    if (protocol === "http") return withEffects(httpRules(l7), (rules) => this.cache.http(rules));
    const key = JSON.stringify(
      l7.flatMap(({ rules }) => rules.map((rule) => JSON.stringify({ ...rule, at: 0 }))).sort(),
    );
    const id = createHash("sha256").update(`${protocol} ${key}`).digest("hex").slice(0, 32);
    return this.known.get(id, () =>
      protocol === "memcached" ? new MemcachedRuleSet(id, memcachedRules(l7)) : unasked(protocol, id),
    );
  };
}

/** Rules in an order that is the same in every process, whatever order the policies had. */
function memcachedRules(l7: readonly L7Rules[]): MemcachedRule[] {
  const rules = l7.flatMap((one) => (one.family === "memcached" ? one.rules : []));
  const texts = new Map(rules.map((rule) => [JSON.stringify({ ...rule, at: 0 }), rule]));
  return [...texts.keys()].sort().map((text) => texts.get(text)!);
}

/** The rule set of a protocol without a codec: nothing is ever asked of it. */
function unasked(protocol: string, id: string): L7RuleSet {
  return { kind: "l7", protocol, id, judge: () => false, judgeUpgrade: () => false };
}
