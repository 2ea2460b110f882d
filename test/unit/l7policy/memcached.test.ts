// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { memcachedAllows } from "../../../l7policy/families/judge.js";
import { MemcachedRuleSet } from "../../../l7policy/families/memcached-set.js";
import type { MemcachedRule, TextRule } from "../../../l7policy/families/model.js";
import { parsePolicies, PolicyStore } from "../../../l7policy/index.js";
import { closedToDatagrams } from "../../../l7policy/resolve/datagrams.js";
import { FieldSpans, MemcachedField } from "../../../protocols/fields.js";

const AT = { file: "", line: 0, column: 0 };
const rule = (
  commands: readonly string[] | undefined,
  keys?: readonly TextRule[],
  hides = false,
): MemcachedRule => ({
  at: AT,
  commands,
  keys,
  hides,
});

function spans(commands: readonly string[], keys: readonly string[]): FieldSpans {
  const fields = new FieldSpans();
  const parts = [...commands, ...keys].map((text) => Buffer.from(text, "latin1"));
  fields.reset(Buffer.concat(parts));
  let at = 0;
  parts.forEach(({ length }, i) => {
    fields.add(i < commands.length ? MemcachedField.command : MemcachedField.key, at, at + length);
    at += length;
  });
  return fields;
}

const word = fc.constantFrom("get", "gets", "set", "mg", "touch", "flush_all");
const text = fc.string({
  unit: fc.constantFrom("a", "b", ".", "\xc3", "\xbc", "\xff"),
  minLength: 1,
  maxLength: 4,
});
const textRule: fc.Arbitrary<TextRule> = fc.oneof(
  fc.record({ kind: fc.constantFrom("exact", "prefix"), text: fc.constantFrom("a", "ab", "b.", "ü", "a.b") }),
  fc.record({
    kind: fc.constantFrom("pattern", "search"),
    text: fc.constantFrom("a+b?", "[ab]\\.", "^a", "ü?b", ".*"),
  }),
);
const rules = fc.array(
  fc.tuple(
    fc.option(fc.array(word, { minLength: 1, maxLength: 3 })),
    fc.option(fc.array(textRule, { minLength: 1, maxLength: 2 })),
  ),
  { maxLength: 4 },
);

test("the automata of a rule set say what the rules say one by one", () => {
  const seen = { allowed: 0, denied: 0 };
  fc.assert(
    fc.property(
      rules,
      fc.array(fc.tuple(fc.array(word, { minLength: 1, maxLength: 2 }), fc.array(text, { maxLength: 3 })), {
        minLength: 8,
        maxLength: 8,
      }),
      (made, requests) => {
        const list = made.map(([commands, keys]) => rule(commands ?? undefined, keys ?? undefined));
        const set = new MemcachedRuleSet("", list);
        for (const [commands, keys] of requests) {
          const allowed = memcachedAllows(list, { family: "memcached", commands, keys });
          seen[allowed ? "allowed" : "denied"]++;
          expect(set.judge(spans(commands, keys))).toBe(allowed);
        }
      },
    ),
    { numRuns: 150 },
  );
  expect(Math.min(seen.allowed, seen.denied)).toBeGreaterThan(50);
});

test("keys that no rule allows are named where a rule for that lookup hides them", () => {
  const set = new MemcachedRuleSet("", [
    rule(["get", "mg", "set"], [{ kind: "prefix", text: "a" }], true),
    rule(["get"], [{ kind: "exact", text: "b" }]),
    rule(["gat"], [{ kind: "exact", text: "b" }]),
  ]);
  expect(set.hidden(spans(["get"], ["a1", "c", "b", "d"]))).toEqual([2, 4]);
  expect(set.hidden(spans(["mg", "touch"], ["x"]))).toEqual([2]);
  // A write that no rule allows makes the lookup miss, whatever its key.
  expect(set.judge(spans(["mg", "touch"], ["a1"]))).toBe(false);
  expect(set.hidden(spans(["mg", "touch"], ["a1"]))).toEqual([2]);
  expect(set.hidden(spans(["gat"], ["c"]))).toBeUndefined();
  expect(set.hidden(spans(["set"], ["c"]))).toBeUndefined();
  expect(new MemcachedRuleSet("", [rule(["get"])]).hidden(spans(["set"], ["c"]))).toBeUndefined();
});

test("a lookup of as many keys as fit a line costs as much a key as a short one", () => {
  const set = new MemcachedRuleSet("", [rule(["get"], [{ kind: "prefix", text: "a" }], true)]);
  let looked = 0;
  class Counted extends FieldSpans {
    override find(kind: number, from?: number): number {
      looked++;
      return super.find(kind, from);
    }
  }
  const many = (keys: number): number => {
    const fields = new Counted();
    fields.reset(Buffer.from("getab"));
    fields.add(MemcachedField.command, 0, 3);
    for (let i = 0; i < keys; i++) fields.add(MemcachedField.key, 3, 4);
    // Reads of what a span is stand for time, which a test cannot take.
    fields.kind = new Proxy(fields.kind, {
      get: (of, at) => (looked++, Reflect.get(of, at, of) as unknown),
    });
    looked = 0;
    expect(set.judge(fields)).toBe(true);
    expect(set.hidden(fields)).toEqual([]);
    return looked;
  };
  const [some, all] = [many(100), many(10_000)];
  expect(all / 100).toBeLessThan(some * 1.5);
});

function policies(rules: string): Parameters<typeof closedToDatagrams> {
  const store = new PolicyStore();
  const identity = store.identities.identityOf({ app: "cache" });
  store.portNames.set(identity, { name: "cache", port: 11_311, transport: "TCP" });
  const parsed = parsePolicies(
    "test.yaml",
    `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: test }
spec: { endpointSelector: { matchLabels: { app: cache } }, ingress: [${rules}] }`,
  );
  if (!parsed.ok) throw new Error(parsed.errors.map((error) => error.describe()).join("\n"));
  const resolved = store.resolve(parsed.policies);
  const info = store.identities.info(identity);
  if (!info) throw new Error("no identity");
  return [resolved, info];
}

describe("ports closed to datagrams", () => {
  const cases: [string, string, number[]][] = [
    ["no memcached rules", "{ toPorts: [{ ports: [{ port: '53' }], rules: { http: [{}] } }] }", []],
    [
      "a port",
      "{ toPorts: [{ ports: [{ port: '11211', protocol: TCP }], rules: { memcached: [{}] } }] }",
      [11211],
    ],
    [
      "ports by name, also one that the endpoint does not have",
      "{ toPorts: [{ ports: [{ port: cache }, { port: other }], rules: { memcached: [{}] } }] }",
      [11311],
    ],
    [
      "Cilium's section",
      "{ toPorts: [{ ports: [{ port: '1' }, { port: '7', endPort: 9 }], rules: { l7proto: memcache, l7: [{}] } }] }",
      [1, 7, 8, 9],
    ],
    [
      "too many to name",
      "{ toPorts: [{ ports: [{ port: '1', endPort: 9999 }], rules: { memcached: [{}] } }] }",
      [0],
    ],
    [
      "opened by name",
      "{ toPorts: [{ ports: [{ port: '5', endPort: 7 }], rules: { memcached: [{}] } }] }, { toPorts: [{ ports: [{ port: '6', protocol: UDP }] }] }",
      [5, 7],
    ],
    [
      "ANY is not by name",
      "{ toPorts: [{ ports: [{ port: '5' }], rules: { memcached: [{}] } }] }, { fromEndpoints: [{}], toPorts: [{ ports: [{ port: '5' }] }] }",
      [5],
    ],
  ];
  test.each(cases)("%s", (_, rules, ports) => {
    expect(closedToDatagrams(...policies(rules))).toEqual(ports);
  });
});

test.each([
  ["{ command: get, commands: [set] }", "cannot be combined with command"],
  ["{ keyExact: a, keys: [{ exact: b }] }", "only one of"],
  ["{ keys: [{ exact: a, prefix: b }] }", "exactly one of"],
  ["{ keys: [{}] }", "exactly one of"],
  ["{ commands: [] }", "at least one"],
  ["{ command: set, deniedKeys: missing }", "is for lookups"],
  ["{ command: nonsense }", "nonsense"],
])("refused: %s", (text, message) => {
  expect(() =>
    policies(`{ toPorts: [{ ports: [{ port: '1' }], rules: { memcached: [${text}] } }] }`),
  ).toThrow(message);
});
