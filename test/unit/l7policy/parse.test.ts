// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { parsePolicies, type Parsed } from "../../../l7policy/index.js";
import type { Policy } from "../../../l7policy/model.js";
import { CLUSTER, NETWORK, WEB } from "../../vectors/broken-policies.js";

function good(text: string): readonly Policy[] {
  const parsed = parsePolicies("x.yaml", text);
  if (!parsed.ok) throw new Error(parsed.errors.map((error) => error.describe()).join("\n"));
  return parsed.policies;
}

function lines(parsed: Parsed): unknown[] {
  return parsed.ok ? [] : parsed.errors.map((error) => [error.code, error.at?.line]);
}

/** The body of `spec` of a policy. */
const spec = (body: string, kind = "CiliumNetworkPolicy"): Policy => {
  const [first] = good(
    `apiVersion: cilium.io/v2\nkind: ${kind}\nmetadata: { name: x }\nspec:\n${body.replace(/^/gm, "  ")}`,
  );
  if (!first) throw new Error("no policy");
  return first;
};

describe("documents", () => {
  test("several in a file, each with its place", () => {
    const both = good(`${WEB}---\n${CLUSTER}---\n${NETWORK}`);
    expect(both.map(({ kind, name, namespace, at }) => [kind, name, namespace, at.line])).toEqual([
      ["CiliumNetworkPolicy", "web", "default", 6],
      ["CiliumClusterwideNetworkPolicy", "all", undefined, 27],
      ["NetworkPolicy", "db", "default", 36],
    ]);
  });

  test("specs: several policies of one name", () => {
    const text = `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: two }
spec: { endpointSelector: {}, ingress: [{}] }
specs:
  - { endpointSelector: {}, egress: [{}] }
  - { endpointSelector: {}, ingress: [{}], egress: [{}] }
`;
    expect(good(text).map(({ name, ingress, egress }) => [name, !!ingress, !!egress])).toEqual([
      ["two", true, false],
      ["two", false, true],
      ["two", true, true],
    ]);
  });

  test("JSON is YAML; what kubectl prints is read, lists and bookkeeping too", () => {
    const item = {
      apiVersion: "cilium.io/v2",
      kind: "CiliumNetworkPolicy",
      metadata: {
        name: "a",
        uid: "1",
        resourceVersion: "7",
        generation: 1,
        creationTimestamp: "2026-01-01T00:00:00Z",
        annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{}" },
        managedFields: [{ manager: "kubectl" }],
      },
      spec: { endpointSelector: {}, ingress: [{}] },
      status: { conditions: [{ type: "Valid", status: "True" }] },
    };
    const list = { apiVersion: "v1", kind: "List", metadata: { resourceVersion: "" }, items: [item, item] };
    expect(good(JSON.stringify(list)).map(({ name }) => name)).toEqual(["a", "a"]);
    const broken = { ...list, items: [item, { ...item, spec: {} }] };
    const parsed = parsePolicies("x.json", JSON.stringify(broken));
    expect(parsed.ok ? [] : parsed.errors.map(({ field }) => field)).toEqual([
      "items[1].spec.endpointSelector",
    ]);
  });

  test("every error of a file is reported", () => {
    const parsed = parsePolicies(
      "x.yaml",
      WEB.replace("path: /a.*", "path: '('").replace("app: backend", "app: 1"),
    );
    expect(lines(parsed)).toEqual([
      ["SM_POLICY_FIELD", 8],
      ["SM_POLICY_REGEX", 20],
    ]);
  });

  test("an empty file has no policy and no error", () => {
    expect(good("")).toEqual([]);
    expect(good("# only this\n---\n---\n")).toEqual([]);
  });
});

describe("YAML that is refused", () => {
  test.each([
    ["tabs", "spec:\n\tx: 1\n", 2],
    ["unclosed bracket", "spec: [\n", 2],
    ["duplicate key", "kind: a\nkind: b\n", 2],
    ["duplicate key below", WEB.replace("app: backend", "app: a\n      app: b"), 9],
    ["alias", "a: &x [1]\nb: *x\n", 2],
    ["merge key", "a: &x { b: 1 }\nc:\n  <<: *x\n", 3],
    ["a list of everything", "- 1\n", 1],
    ["a scalar", "policy\n", 1],
  ])("%s", (_what, text, line) => {
    const parsed = parsePolicies("x.yaml", text);
    expect(parsed.ok).toBe(false);
    if (!parsed.ok) expect(parsed.errors.map((error) => error.at?.line)).toContain(line);
  });

  test.each([
    ["a file that is too large", "#".repeat((8 << 20) + 1), "larger than"],
    ["brackets in brackets", `a: 1\nb: ${"[".repeat(100_000)}`, "nested deeper than 100"],
    ["braces in braces", `a: ${"{a: ".repeat(100_000)}`, "nested deeper than 100"],
    ["lists in one line", `a:\n${"- ".repeat(1000)}`, "in one line"],
    ["deep mappings", Array.from({ length: 300 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"), "is indented"],
    ["a laughing billion", bomb(), "anchors and aliases"],
    ["too many tokens", "- a\n".repeat(400_000), "tokens"],
  ])("in bounded time: %s", (_what, text, says) => {
    const parsed = parsePolicies("x.yaml", text);
    expect(parsed.ok ? [] : parsed.errors.map(({ code, message }) => [code, message])).toContainEqual([
      "SM_POLICY_SYNTAX",
      expect.stringContaining(says),
    ]);
  });

  test("the hazard is named with its line", () => {
    const parsed = parsePolicies("x.yaml", `a: 1\n# [[[\nb: "[["\nc: |\n  [[\nd: ${"[".repeat(101)}`);
    expect(parsed.ok ? [] : parsed.errors.map(({ at }) => [at?.line, at?.column])).toEqual([[6, 104]]);
  });

  test("brackets in texts are no nesting", () => {
    const many = Array.from({ length: 300 }, (_, i) => `              - path: '/a\\[${i}'`).join("\n");
    expect(good(WEB.replace("              - method: GET\n                path: /a.*", many))).toHaveLength(
      1,
    );
  });
});

function bomb(): string {
  const levels = Array.from({ length: 20 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i}, `.repeat(10)}]`);
  return `l0: &l0 x\n${levels.join("\n")}\n`;
}

describe("what is read", () => {
  const peers = (body: string): unknown =>
    spec(`endpointSelector: {}\ningress: [${body}]`).ingress?.allow[0]?.peers;

  test("a rule without peers is for anyone where it names ports, for nobody where it names nothing", () => {
    expect(peers("{}")).toEqual({ kind: "nobody" });
    expect(peers("{ toPorts: [{ ports: [{ port: 80 }] }] }")).toEqual({ kind: "anyone" });
    expect(peers("{ fromProcess: [] }")).toEqual({ kind: "anyone" });
    expect(peers("{ fromEndpoints: [] }")).toEqual({ kind: "endpoints", selectors: [] });
  });

  test("selectors speak of the policy's namespace unless they name one", () => {
    const keys = (selector: string, kind?: string): unknown => {
      const body = `endpointSelector: {}\ningress: [{ fromEndpoints: [${selector}] }]`;
      const rule = spec(body, kind).ingress?.allow[0]?.peers;
      return rule?.kind === "endpoints" ? rule.selectors[0]?.requirements.map(({ key }) => key) : undefined;
    };
    const own = "k8s:io.kubernetes.pod.namespace";
    expect(keys("{ matchLabels: { app: a } }")).toEqual(["any:app", own]);
    expect(keys("{ matchLabels: { 'k8s:app': a, 'container:x': b } }")).toEqual([
      "k8s:app",
      "container:x",
      own,
    ]);
    expect(keys("{ matchLabels: { io.kubernetes.pod.namespace: b } }")).toEqual([
      "any:io.kubernetes.pod.namespace",
    ]);
    expect(keys("{ matchLabels: { 'reserved:host': '' } }")).toEqual(["reserved:host"]);
    expect(keys("{ matchLabels: { io.cilium.k8s.namespace.labels.team: a } }")).toEqual([
      "any:io.cilium.k8s.namespace.labels.team",
    ]);
    expect(
      keys("{ matchLabels: { io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name: a } }"),
    ).toEqual([own]);
    expect(keys("{}", "CiliumClusterwideNetworkPolicy")).toEqual([own]);
  });

  test("a direction is denied by default once it has a rule, or when that is asked for", () => {
    const flags = (body: string): unknown => {
      const { ingress, egress } = spec(`endpointSelector: {}\n${body}`);
      return [ingress?.defaultDeny, egress?.defaultDeny];
    };
    expect(flags("ingress: [{}]")).toEqual([true, undefined]);
    expect(flags("egressDeny: [{ toEntities: [world] }]")).toEqual([undefined, true]);
    expect(flags("ingress: [{}]\nenableDefaultDeny: { ingress: false }")).toEqual([false, undefined]);
    expect(flags("ingress: [{}]\nenableDefaultDeny: { egress: true }")).toEqual([true, true]);
    expect(flags("ingress: [{}]\nenableDefaultDeny: { egress: false }")).toEqual([true, undefined]);
  });

  test("ports: numbers, ranges, names", () => {
    const ports = spec(
      "endpointSelector: {}\ningress: [{ toPorts: [{ ports: [{ port: 80 }, { port: '1', endPort: 9 }, { port: HTTP-alt, protocol: TCP }, { port: '0' }] }] }]",
    ).ingress?.allow[0]?.ports?.[0]?.ports.map(({ first, last, name, transport }) => [
      first,
      last,
      name,
      transport,
    ]);
    expect(ports).toEqual([
      [80, 80, undefined, "ANY"],
      [1, 9, undefined, "ANY"],
      [-1, -1, "http-alt", "TCP"],
      [0, 0, undefined, "ANY"],
    ]);
  });

  test("every L7 family, and server names", () => {
    const families = [
      "rules: { http: [{}] }",
      "rules: { kafka: [{ role: Produce, topicPrefix: a }] }",
      "rules: { l7proto: cassandra, l7: [{ query_action: select, query_table: a }] }",
      "rules: { l7proto: memcache, l7: [{ command: writeGroup, keyPrefix: a }, {}] }",
      "rules: { grpc: [{ service: a.B, method: Get* }] }",
      "rules: { memcached: [{ command: read, keyPattern: 'a.*' }] }",
      "rules: { cassandra: [{ action: insert, table: a.b }] }",
      "serverNames: ['*.example.com', '**', sub.**.example.com]",
      "rules: {}",
    ].map(
      (rules) =>
        spec(`endpointSelector: {}\ningress: [{ toPorts: [{ ports: [{ port: 80 }], ${rules} }] }]`).ingress
          ?.allow[0]?.ports?.[0]?.l7?.family,
    );
    const [dns] =
      spec(
        "endpointSelector: {}\negress: [{ toPorts: [{ ports: [{ port: 53, protocol: UDP }], rules: { dns: [{ matchPattern: '*' }] } }] }]",
      ).egress?.allow[0]?.ports ?? [];
    expect([...families, dns?.l7?.family]).toEqual([
      ...[
        "http",
        "kafka",
        "cassandra",
        "memcached",
        "grpc",
        "memcached",
        "cassandra",
        "tls",
        undefined,
        "dns",
      ],
    ]);
  });

  test("header matches: wanted, or done", () => {
    const rules = spec(
      "endpointSelector: {}\ningress: [{ toPorts: [{ ports: [{ port: 80 }], rules: { http: [{ headers: ['A', 'B: x y'], headerMatches: [{ name: C, value: z }, { name: D, value: v, mismatch: REPLACE }] }] } }] }]",
    ).ingress?.allow[0]?.ports?.[0]?.l7?.rules;
    expect(rules).toMatchObject([
      {
        headers: [
          { name: "A", value: undefined },
          { name: "B", value: "x y" },
          { name: "C", value: "z" },
        ],
        actions: [{ name: "D", value: "v", mismatch: "REPLACE" }],
      },
    ]);
  });

  test("NetworkPolicy: empty means everybody there; peers of a list add up; the default protocol is TCP", () => {
    const [policy] = good(NETWORK);
    expect(policy?.ingress?.allow.map(({ peers: { kind } }) => kind)).toEqual(["endpoints", "cidrs"]);
    expect(policy?.ingress?.allow[0]?.ports?.[0]?.ports[0]).toMatchObject({ first: 5432, transport: "TCP" });
    const kinds = (body: string): unknown => {
      const head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: x }\nspec:\n";
      const [one] = good(`${head}${`podSelector: {}\n${body}`.replace(/^/gm, "  ")}`);
      return [one?.ingress, one?.egress].map((way) => way?.allow.map(({ peers: { kind } }) => kind));
    };
    expect(kinds("ingress: [{}]")).toEqual([["anyone"], undefined]);
    expect(kinds("ingress: [{ from: [] }]")).toEqual([["anyone"], undefined]);
    expect(kinds("")).toEqual([[], undefined]);
    expect(kinds("egress: [{}]")).toEqual([[], ["anyone"]]);
    expect(kinds("policyTypes: [Egress]")).toEqual([undefined, []]);
    expect(kinds("policyTypes: [Egress]\ningress: [{}]")).toEqual([undefined, []]);
  });
});

test("whatever a file holds, it is read or refused with typed errors", () => {
  const piece = fc.constantFrom(
    ..."{}[]:,-&*!|>'\"%@`#?~ \n\t\u0000",
    "- ",
    ": ",
    "null",
    "---\n",
    "spec",
    "[{}]",
    "!!set ",
    "é",
  );
  const cut = fc.nat({ max: WEB.length });
  const mutated = fc
    .tuple(fc.constantFrom(WEB, NETWORK, CLUSTER), cut, cut, fc.array(piece, { maxLength: 4 }))
    .map(
      ([text, from, length, put]) => text.slice(0, from) + put.join("") + text.slice(from + (length % 12)),
    );
  fc.assert(
    fc.property(
      fc.oneof(
        mutated,
        fc.string({ unit: "binary" }),
        fc.array(piece).map((all) => all.join("")),
      ),
      (text) => {
        const parsed = parsePolicies("x.yaml", text);
        if (parsed.ok) return;
        expect(parsed.errors.length).toBeGreaterThan(0);
        for (const error of parsed.errors) {
          expect(error.code).toMatch(/^SM_POLICY_/);
          expect(error.at?.line).toBeGreaterThan(0);
        }
      },
    ),
    { numRuns: 1000 },
  );
});
