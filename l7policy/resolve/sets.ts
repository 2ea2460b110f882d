// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { MemcachedField, type FieldSpans } from "../../protocols/fields.js";
import { WeakCache } from "../compile/weak-cache.js";
import { grpcAsHttp } from "../families/grpc.js";
import { memcachedFailure } from "../families/judge.js";
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
    return this.known.get(id, () => otherSet(protocol, id, l7));
  };
}

/** Rule sets of protocols that are judged rule by rule. Of those without a codec nothing is ever asked. */
function otherSet(protocol: string, id: string, l7: readonly L7Rules[]): L7RuleSet {
  const memcached = l7.flatMap((one) => (one.family === "memcached" ? one.rules : []));
  return {
    kind: "l7",
    protocol,
    id,
    judge: (fields) => protocol === "memcached" && judgeMemcached(memcached, fields),
    judgeUpgrade: () => false,
  };
}

function judgeMemcached(rules: readonly MemcachedRule[], fields: FieldSpans): boolean {
  const commands: string[] = [];
  const keys: string[] = [];
  for (let i = 0; i < fields.count; i++)
    (fields.kind[i] === MemcachedField.command ? commands : keys).push(fields.text(i));
  return rules.some((rule) => memcachedFailure(rule, { family: "memcached", commands, keys }) === undefined);
}
