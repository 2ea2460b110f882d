// SPDX-License-Identifier: Apache-2.0
import { difference } from "../automaton/compare.js";
import { progressOf } from "../families/conditions.js";
import { togetherAllow } from "../families/together.js";
import type { L7Rules, TextRule } from "../families/model.js";
import type { L7Request } from "../families/requests.js";
import { parseRegex } from "../regex/parse.js";
import { ANYTHING, concat } from "../regex/syntax.js";

/** True when rules that hold together allow a request. */
export function allows(l7: readonly L7Rules[], request: L7Request): boolean {
  return (
    togetherAllow(l7, request) ||
    l7.some((one) =>
      one.rules.some((_, i) => {
        const progress = progressOf(one, i, request);
        return progress !== undefined && progress.failed === undefined;
      }),
    )
  );
}

/** A request that rule `index` allows, of a family whose rules are not compared as automata; undefined where none is found. */
export function sampleOf(l7: L7Rules, index: number): L7Request | undefined {
  switch (l7.family) {
    case "http":
    case "grpc":
      return undefined;
    case "memcached": {
      const rule = l7.rules[index];
      const [key = "x"] = rule?.keys?.map(sampleText) ?? [];
      if (!rule) return undefined;
      return { family: "memcached", commands: [rule.commands?.[0] ?? "get"], keys: [key] };
    }
    case "cassandra": {
      const rule = l7.rules[index];
      const table = rule?.table ? sampleText(rule.table) : "x.x";
      if (!rule || table === undefined) return undefined;
      return { family: "cassandra", action: rule.action ?? "select", table };
    }
    case "kafka": {
      const { apiKeys, apiVersion = 0, clientID = "", topic } = l7.rules[index] ?? {};
      return {
        family: "kafka",
        apiKey: apiKeys?.[0] ?? 0,
        apiVersion,
        clientID,
        topics: [topic?.text ?? "x"],
      };
    }
    case "dns":
      return { family: "dns", name: sampleName(l7.rules[index]?.text) };
    case "tls":
      return { family: "tls", serverName: sampleName(l7.rules[index]?.text) };
  }
}

/** Requests that few rules allow, by family: to show what a port without L7 rules lets pass beside one with them. */
export const UNUSUAL: readonly L7Request[] = [
  { family: "memcached", commands: ["flush_all"], keys: [] },
  { family: "memcached", commands: ["set"], keys: ["any"] },
  { family: "kafka", apiKey: 19, apiVersion: 0, clientID: "", topics: ["any"] },
  { family: "kafka", apiKey: 0, apiVersion: 0, clientID: "", topics: ["any"] },
  { family: "cassandra", action: "drop-keyspace", table: "any" },
  { family: "cassandra", action: "select", table: "any.any" },
  { family: "dns", name: "any.invalid" },
  { family: "tls", serverName: "any.invalid" },
];

function sampleName(pattern = ""): string {
  return pattern.toLowerCase().replace(/\*+/g, "x");
}

function sampleText({ kind, text }: TextRule): string | undefined {
  if (kind === "exact" || kind === "prefix") return text;
  const regex = parseRegex(text);
  const found = difference([kind === "pattern" ? regex : concat([ANYTHING, regex, ANYTHING])], []);
  return found.kind === "witness" ? found.text : undefined;
}
