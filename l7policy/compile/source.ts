// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { digestOf } from "../families/digest.js";
import { grpcAsHttp } from "../families/grpc.js";
import type { HttpRule, L7Rules, MemcachedRule } from "../families/model.js";
import type { Policy } from "../model.js";

/** Which of the rules a set has: all, or those that ask for something to be done to headers. */
export type SourcePart = "all" | "asking";

/** What a rule set is compiled from. */
export interface SetSource {
  readonly protocol: "http" | "memcached";
  /** Each once, in the order of their digests: the same in every process. */
  readonly l7: readonly L7Rules[];
  readonly part: SourcePart;
}

/** The source of rules that hold together, and its content address. */
export function sourceOf(
  protocol: SetSource["protocol"],
  l7: readonly L7Rules[],
  part: SourcePart = "all",
): { source: SetSource; key: string } {
  const byDigest = new Map(l7.map((one) => [digestOf(one), one]));
  const digests = [...byDigest.keys()].sort();
  const source = { protocol, l7: digests.map((digest) => byDigest.get(digest)!), part };
  const text = `${protocol} ${part} ${digests.join()}`;
  return { source, key: createHash("sha256").update(text).digest("hex").slice(0, 32) };
}

const asHttp = new WeakMap<L7Rules, readonly HttpRule[]>();

/** HTTP rules of the families that are HTTP; the same objects each time. */
export function httpRules(l7: readonly L7Rules[]): HttpRule[] {
  return l7.flatMap((one) => {
    if (one.family === "http") return one.rules;
    if (one.family !== "grpc") return [];
    let made = asHttp.get(one);
    if (!made) asHttp.set(one, (made = one.rules.map(grpcAsHttp)));
    return made;
  });
}

/** Rules of a source of HTTP, before equal ones become one. */
export function httpRulesOf({ l7, part }: SetSource): HttpRule[] {
  const rules = httpRules(l7);
  return part === "all" ? rules : rules.filter(({ actions }) => actions !== undefined);
}

/** Rules of a source of memcached, before equal ones become one. */
export function memcachedRulesOf({ l7 }: Pick<SetSource, "l7">): MemcachedRule[] {
  return l7.flatMap((one) => (one.family === "memcached" ? one.rules : []));
}

/** What a memcached rule wants, as a text. */
export function memcachedText(rule: MemcachedRule): string {
  return JSON.stringify({ ...rule, at: 0 });
}

/** memcached rules in an order that is the same in every process, whatever order the policies had. */
export function orderedMemcached(rules: readonly MemcachedRule[]): MemcachedRule[] {
  const texts = new Map(rules.map((rule) => [memcachedText(rule), rule]));
  return [...texts.keys()].sort().map((text) => texts.get(text)!);
}

/** Content address of memcached rules in their order. */
export function memcachedId(ordered: readonly MemcachedRule[]): string {
  const text = ["memcached", ...ordered.map(memcachedText)].join("\n");
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

/** The L7 parts of policies, in an order that is the same wherever the policies are the same. */
export function* l7In(policies: Iterable<Policy>): Iterable<L7Rules> {
  for (const policy of policies)
    for (const way of ["ingress", "egress"] as const)
      for (const rule of policy[way]?.allow ?? []) for (const { l7 } of rule.ports ?? []) if (l7) yield l7;
}
