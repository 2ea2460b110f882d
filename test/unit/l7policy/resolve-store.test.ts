// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "@jest/globals";
import type { L7Request } from "../../../l7policy/families/requests.js";
import { httpFields } from "../../../l7policy/families/spans.js";
import { enforceable, parsePolicies, PolicyStore, RESERVED, type Policy } from "../../../l7policy/index.js";
import { EVERYTHING, HTTP_ONLY } from "../../../l7policy/resolve/enforce.js";

const HEAD = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: { name: x }\nspec:\n";
const TO = "endpointSelector: { matchLabels: { app: backend } }\n";

function policies(...specs: string[]): readonly Policy[] {
  return specs.flatMap((spec) => {
    const parsed = parsePolicies("p.yaml", `${HEAD}${spec.replace(/^/gm, "  ")}`);
    if (!parsed.ok) throw new Error(parsed.errors.map((error) => error.describe()).join("\n"));
    return parsed.policies;
  });
}

const request = (path: string, ...headers: [string, string][]): Extract<L7Request, { family: "http" }> => ({
  family: "http",
  method: "GET",
  path,
  host: "h",
  headers,
});

describe("header matches", () => {
  const store = new PolicyStore();
  const backend = store.identities.identityOf({ app: "backend" });
  const rules = (text: string) => {
    const made = store.resolve(
      policies(`${TO}ingress: [{ toPorts: [{ ports: [{ port: 80 }], rules: { http: ${text} } }] }]`),
    );
    const set = made.ingress(backend, 80, RESERVED.world);
    if (set.kind !== "l7") throw new Error(set.kind);
    return set;
  };
  const effects = (set: ReturnType<typeof rules>, one: ReturnType<typeof request>): unknown[] =>
    (set.effects?.(httpFields(one)) ?? []).map(({ mismatch, name, value }) => [mismatch, name, value]);

  test("what is to be done is done only where the value differs, and denies nothing", () => {
    const set = rules(
      "[{ path: /a, headerMatches: [{ name: bearer-token, value: d4ef0f5f, mismatch: REPLACE }, { name: User-Agent, value: CuRL, mismatch: DELETE }] }]",
    );
    const wrong = request("/a", ["bearer-token", "wrong"], ["user-agent", "test"]);
    expect(set.judge(httpFields(wrong))).toBe(true);
    expect(effects(set, wrong)).toEqual([
      ["REPLACE", "bearer-token", "d4ef0f5f"],
      ["DELETE", "User-Agent", "CuRL"],
    ]);
    expect(effects(set, request("/a", ["Bearer-Token", "d4ef0f5f"], ["User-Agent", "CuRL"]))).toEqual([]);
    expect(set.judge(httpFields(request("/b")))).toBe(false);
  });

  test("all rules that fit act, not only the first; a rule without mismatch only wants", () => {
    const set = rules(
      "[{ path: '/.*' }, { path: /a, headerMatches: [{ name: X, value: '1', mismatch: ADD }] }, { headerMatches: [{ name: Y, value: '2', mismatch: LOG }, { name: Z, value: '3' }] }]",
    );
    expect(effects(set, request("/a"))).toEqual([["ADD", "X", "1"]]);
    expect(effects(set, request("/a", ["Z", "3"]))).toEqual([
      ["ADD", "X", "1"],
      ["LOG", "Y", "2"],
    ]);
    expect(effects(set, request("/b"))).toEqual([]);
  });

  test("sets that differ only in what they do are different; without any they do nothing", () => {
    const one = rules("[{ path: /a, headerMatches: [{ name: X, value: '1', mismatch: ADD }] }]");
    const other = rules("[{ path: /a, headerMatches: [{ name: X, value: '2', mismatch: ADD }] }]");
    expect(one.id).not.toBe(other.id);
    expect(rules("[{ path: /a }]").effects).toBeUndefined();
  });
});

describe("revisions", () => {
  test("addresses get the longest block that the policies in force name", () => {
    const store = new PolicyStore();
    const wide = store.resolve(policies(`${TO}ingress: [{ fromCIDR: [10.0.0.0/8] }]`));
    const ten = wide.worldOf("10.1.2.3");
    expect(wide.worldOf("10.9.9.9")).toBe(ten);
    expect(wide.worldOf("11.0.0.1")).toBe(RESERVED.world);
    const narrow = store.resolve(
      policies(`${TO}ingress: [{ fromCIDRSet: [{ cidr: 10.0.0.0/8, except: [10.1.0.0/16] }] }]`),
    );
    expect(narrow.worldOf("10.9.9.9")).toBe(ten);
    expect(narrow.worldOf("10.1.2.3")).not.toBe(ten);
  });

  test("names that DNS gives later count at once", () => {
    const store = new PolicyStore();
    const backend = store.identities.identityOf({ app: "backend" });
    const made = store.resolve(policies(`${TO}egress: [{ toFQDNs: [{ matchPattern: '*.test' }] }]`));
    const verdict = () => made.egress(backend, 80, made.worldOf("192.0.2.1")).kind;
    expect(verdict()).toBe("deny");
    store.names.learn("a.test", ["192.0.2.1"], 10);
    expect(verdict()).toBe("allow");
    store.names.expire(11);
    expect(verdict()).toBe("deny");
  });

  test("ports that endpoints name later count at once", () => {
    const store = new PolicyStore();
    const backend = store.identities.identityOf({ app: "backend" });
    const made = store.resolve(policies(`${TO}ingress: [{ toPorts: [{ ports: [{ port: web }] }] }]`));
    const verdict = () => made.ingress(backend, 8080, RESERVED.world).kind;
    expect(verdict()).toBe("deny");
    store.portNames.set(backend, { name: "web", port: 8080, transport: "TCP" });
    expect(verdict()).toBe("allow");
    store.portNames.clear(backend);
    expect(verdict()).toBe("deny");
  });

  test("a number that is given away again is judged by its new labels", () => {
    const store = new PolicyStore();
    const own = `endpointSelector: { matchLabels: { app: db } }\ningress: [{ fromEndpoints: [{ matchLabels: { app: backend } }] }]`;
    const made = store.resolve(policies(`${TO}ingress: [{}]`, own));
    const first = store.identities.acquire({ app: "backend" });
    const db = store.identities.acquire({ app: "db" });
    expect(made.ingress(first, 80, RESERVED.world).kind).toBe("deny");
    expect(made.ingress(db, 80, first).kind).toBe("allow");
    store.identities.release(first);
    for (let i = 0; ; i++) {
      const next = store.identities.acquire({ app: `other${i}` });
      if (next !== first) continue;
      break;
    }
    expect(made.ingress(first, 80, RESERVED.world).kind).toBe("allow");
    expect(made.ingress(db, 80, first).kind).toBe("deny");
  });

  test("an endpoint that nobody knows gets nothing; a peer that nobody knows is nobody in particular", () => {
    const store = new PolicyStore();
    const backend = store.identities.identityOf({ app: "backend" });
    const made = store.resolve(
      policies(`${TO}ingress: [{ fromEntities: [cluster] }, { toPorts: [{ ports: [{ port: 1 }] }] }]`),
    );
    expect(made.ingress(9999, 80, RESERVED.host).kind).toBe("deny");
    expect(made.ingress(backend, 80, 9999).kind).toBe("deny");
    expect(made.ingress(backend, 1, 9999).kind).toBe("allow");
  });

  test("what is not put in force leaves what is; identities to come are seen by it", () => {
    const store = new PolicyStore();
    const good = store.resolve(
      policies(`${TO}ingress: [{ fromEndpoints: [{ matchLabels: { app: late } }] }]`),
    );
    const both = `${TO}ingress: [{ toPorts: [{ ports: [{ port: 80, protocol: TCP }], rules: { http: [{}] } }] }, { toPorts: [{ ports: [{ port: 80, protocol: TCP }], rules: { kafka: [{}] } }] }]`;
    const bad = store.prepare(policies(both));
    expect(store.conflicts(bad).map((error) => [error.code, error.at?.line, error.field])).toEqual([
      ["SM_POLICY_CONFLICT", 6, "spec.ingress[0].toPorts[0].rules.http"],
      ["SM_POLICY_CONFLICT", 6, "spec.ingress[1].toPorts[0].rules.kafka"],
    ]);
    store.discard();
    const backend = store.identities.identityOf({ app: "backend" });
    const late = store.identities.identityOf({ app: "late" });
    expect(good.ingress(backend, 80, late).kind).toBe("allow");
    expect(store.prepare([]).revision).toBe(good.revision + 1);
  });

  test("log values of the policies concerned", () => {
    const store = new PolicyStore();
    const backend = store.identities.identityOf({ app: "backend" });
    const made = store.resolve(
      policies(
        `${TO}log: { value: one }\ningress: [{ fromEntities: [host] }]`,
        `${TO}log: { value: two }\ningress: [{ fromEntities: [all], toPorts: [{ ports: [{ port: 80 }] }] }]`,
        `${TO}ingress: [{ fromEntities: [all] }]`,
      ),
    );
    expect(made.logOf("ingress", backend, 80, RESERVED.host)).toEqual(["one", "two"]);
    expect(made.logOf("ingress", backend, 81, RESERVED.world)).toEqual([]);
  });

  test("audit and modes are said of the revision", () => {
    expect(new PolicyStore({ audit: true }).resolve([]).audit).toBe(true);
    const always = new PolicyStore({ mode: "always" });
    const backend = always.identities.identityOf({ app: "backend" });
    expect(always.resolve([]).restrictsEgress(backend)).toBe(true);
    expect(new PolicyStore().resolve([]).restrictsEgress(RESERVED.init)).toBe(true);
  });
});

describe("what cannot be put in force is refused by name", () => {
  const port = (rules: string): string =>
    `toPorts: [{ ports: [{ port: 80, protocol: TCP }], rules: { ${rules} } }]`;
  test.each([
    [`ingress: [{ ${port("kafka: []")} }]`, "spec.ingress[0].toPorts[0].rules.kafka", "enforces kafka rules"],
    [`ingress: [{ ${port("grpc: []")} }]`, "spec.ingress[0].toPorts[0].rules.grpc", "enforces grpc rules"],
    [
      `ingress: [{ ${port("memcached: []")} }]`,
      "spec.ingress[0].toPorts[0].rules.memcached",
      "enforces memcached rules",
    ],
    [
      `ingress: [{ ${port("l7proto: cassandra, l7: []")} }]`,
      "spec.ingress[0].toPorts[0].rules.l7",
      "enforces cassandra rules",
    ],
    [`egress: [{ ${port("dns: []")} }]`, "spec.egress[0].toPorts[0].rules.dns", "enforces dns rules"],
    [
      "egress: [{ toPorts: [{ ports: [{ port: 443 }], serverNames: [a.test] }] }]",
      "spec.egress[0].toPorts[0].serverNames",
      "enforces tls rules",
    ],
    [
      `ingress: [{ ${port("http: [{ headerMatches: [{ name: a, value: b, mismatch: LOG }] }]")} }]`,
      "spec.ingress[0].toPorts[0].rules.http",
      "headerMatches",
    ],
    ["egress: [{ toFQDNs: [{ matchName: a }] }]", "spec.egress[0].toFQDNs", "no DNS proxy"],
    [
      "egress: [{ toServices: [{ k8sService: { serviceName: a } }] }]",
      "spec.egress[0].toServices",
      "services are not known",
    ],
    [
      "ingress: [{ fromProcess: [{ uid: 0 }] }]",
      "spec.ingress[0].fromProcess",
      "process behind a connection",
    ],
    [
      "ingress: [{ toPorts: [{ ports: [{ port: http }] }] }]",
      "spec.ingress[0].toPorts[0].ports",
      "port http has a name",
    ],
    [
      "ingressDeny: [{ toPorts: [{ ports: [{ port: 53, protocol: UDP }] }] }]",
      "spec.ingressDeny[0].toPorts[0].ports",
      "UDP cannot be denied",
    ],
  ])("%s", (spec, field, says) => {
    const [policy] = policies(`${TO}${spec}`);
    const errors = enforceable(policy ? [policy] : [], HTTP_ONLY);
    expect(errors.map((error) => [error.code, error.at?.line, error.field, error.message])).toEqual([
      ["SM_POLICY_UNSUPPORTED", 6, field, expect.stringContaining(says)],
    ]);
    if (!says.startsWith("UDP")) expect(enforceable(policy ? [policy] : [], EVERYTHING)).toEqual([]);
  });
});

test("a storm of labels and policies: every answer is one of the revision asked, old or new", () => {
  const store = new PolicyStore();
  const backend = store.identities.identityOf({ app: "backend" });
  const even = policies(`${TO}ingress: [{ fromEndpoints: [{ matchLabels: { kind: even } }] }]`);
  const odd = policies(`${TO}ingress: [{ fromEndpoints: [{ matchLabels: { kind: odd } }] }]`);
  let before = store.resolve(even);
  const peers: [number, string][] = [];
  for (let i = 0; i < 200; i++) {
    const now = store.resolve(i % 2 === 0 ? odd : even);
    const kind = i % 3 === 0 ? "even" : "odd";
    const identity = store.identities.acquire({ kind, number: String(i % 40) });
    peers.push([identity, kind]);
    if (i % 5 === 0) store.identities.release(identity);
    for (const [peer, own] of peers) {
      expect(now.ingress(backend, 80, peer).kind).toBe(
        own === (i % 2 === 0 ? "odd" : "even") ? "allow" : "deny",
      );
      // The one before may still be asked about peers that it has seen.
      if (peer !== identity)
        expect(before.ingress(backend, 80, peer).kind).toBe(
          own === (i % 2 === 0 ? "even" : "odd") ? "allow" : "deny",
        );
    }
    before = now;
  }
});
