// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { readFile } from "../../../l7policy/cases/cases.js";
import { parseRequest } from "../../../l7policy/cases/request.js";
import { Bench } from "../../../l7policy/cases/run.js";
import { NO_WORLD, worldFile, type World } from "../../../l7policy/cases/world.js";
import { diff, type Change } from "../../../l7policy/compare/diff.js";
import { beyond, headersImplied } from "../../../l7policy/compare/language.js";
import { selectorCovers } from "../../../l7policy/compare/cover.js";
import { progressOf } from "../../../l7policy/families/conditions.js";
import type { HttpRule } from "../../../l7policy/families/model.js";
import { LabelSet } from "../../../l7policy/identity/labels.js";
import { parsePolicies, type Policy } from "../../../l7policy/index.js";

const HEAD = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: { name: x }\nspec:\n";
const at = { file: "", line: 1, column: 1 };

function policies(...specs: string[]): readonly Policy[] {
  return specs.flatMap((spec) => {
    const parsed = parsePolicies("p.yaml", `${HEAD}${spec.replace(/^/gm, "  ")}`);
    if (!parsed.ok) throw new Error(parsed.errors.map((error) => error.describe()).join("\n"));
    return parsed.policies;
  });
}

const WORLD = ((): World => {
  const text = {
    endpoints: {
      backend: { labels: { app: "backend" } },
      web: { labels: { app: "web" } },
      guest: { labels: { app: "guest" } },
    },
  };
  const read = readFile(worldFile, "w", JSON.stringify(text));
  if (!read.ok) throw new Error("world");
  return read.value;
})();

const line = ({ kind, way, endpoint, peers, ports, request }: Change): string =>
  `${kind}: ${way} of ${endpoint}, ${peers.join(" ")}, ${ports.join(" ")}${request === undefined ? "" : `: ${request}`}`;
const changes = (before: readonly Policy[], after: readonly Policy[], world = WORLD): string[] =>
  diff(before, after, world).map(line);

const TO = "endpointSelector: { matchLabels: { app: backend } }\n";
const WEB = "fromEndpoints: [{ matchLabels: { app: web } }]";
const http = (rules: string): string =>
  `${TO}ingress: [{ ${WEB}, toPorts: [{ ports: [{ port: '80', protocol: TCP }], rules: { http: ${rules} } }] }]`;

describe("between the endpoints given", () => {
  test("nothing changes: the same, in other words and another order", () => {
    const one = policies(http("[{ path: '/a|/b' }, { method: GET, path: /c }]"));
    expect(changes(one, one)).toEqual([]);
    expect(
      changes(one, policies(http("[{ method: 'GET', path: '/c' }, { path: /b }, { path: /a }]"))),
    ).toEqual([]);
  });

  test("a path more, a path less, each with a request", () => {
    expect(
      changes(
        policies(http("[{ path: /a }, { path: /b }]")),
        policies(http("[{ path: /a }, { path: '/c.*' }]")),
      ),
    ).toEqual([
      "newly allowed: ingress of backend, web, 80: GET /c",
      "newly denied: ingress of backend, web, 80: GET /b",
    ]);
  });

  test("a condition that is dropped", () => {
    expect(
      changes(policies(http("[{ path: /a, headers: ['X: 1'] }]")), policies(http("[{ path: /a }]"))),
    ).toEqual(["newly allowed: ingress of backend, web, 80: GET /a"]);
    expect(
      changes(
        policies(http("[{ path: /a, host: 'a\\.test' }]")),
        policies(http("[{ path: /a, host: a.test }]")),
      ),
    ).toEqual(["newly allowed: ingress of backend, web, 80: GET /a {Host: aatest}"]);
  });

  test("L7 rules that come or go", () => {
    const open = policies(
      `${TO}ingress: [{ ${WEB}, toPorts: [{ ports: [{ port: '80', protocol: TCP }] }] }]`,
    );
    expect(changes(policies(http("[{ path: '/a/.*' }]")), open)).toEqual([
      "newly allowed: ingress of backend, web, 80: GET /",
    ]);
    expect(changes(open, policies(http("[{ path: '.*' }]")))).toEqual([]);
    expect(changes(open, policies(http("[{ path: '/.*' }]")))).toEqual([
      "newly denied: ingress of backend, web, 80: OPTIONS *",
    ]);
    expect(changes(open, policies(http("[{ path: '/a?' }]")))).toEqual([
      "newly denied: ingress of backend, web, 80: GET /b",
    ]);
  });

  test("peers and ports", () => {
    const port = (range: string): readonly Policy[] =>
      policies(`${TO}ingress: [{ ${WEB}, toPorts: [{ ports: [${range}] }] }]`);
    expect(
      changes(port("{ port: '80', protocol: TCP }"), port("{ port: '80', endPort: 90, protocol: TCP }")),
    ).toEqual(["newly allowed: ingress of backend, web, 81-90"]);
    expect(
      changes(
        policies(`${TO}ingress: [{ ${WEB} }]`),
        policies(`${TO}ingress: [{ fromEntities: [cluster] }]`),
      ),
    ).toEqual([
      "newly allowed: ingress of backend, guest host remote-node kube-apiserver ingress health init, 1-65535",
    ]);
    expect(changes([], policies(`${TO}ingress: [{}]`))[0]).toMatch(
      /^newly denied: ingress of backend, web guest world/,
    );
  });

  test("UDP and processes", () => {
    const udp = policies(`${TO}ingress: [{ toPorts: [{ ports: [{ port: '53', protocol: UDP }] }] }]`);
    const both = policies(`${TO}ingress: [{ toPorts: [{ ports: [{ port: '53' }] }] }]`);
    expect(changes(udp, both)).toEqual([
      "newly allowed: ingress of backend, web guest world host remote-node kube-apiserver ingress health init, 53 53/SCTP".replace(
        " 53/SCTP",
        "",
      ),
    ]);
    const process = (path: string): readonly Policy[] =>
      policies(`${TO}egress: [{ fromProcess: [{ executable: ${path} }], toEntities: [world] }]`);
    expect(changes(process("/bin/a"), process("/bin/b")).map((text) => text.split(":")[0])).toEqual([
      "newly denied",
      "newly allowed",
    ]);
  });

  test("other families, by a request each", () => {
    const kafka = (rules: string): readonly Policy[] =>
      policies(
        `${TO}ingress: [{ ${WEB}, toPorts: [{ ports: [{ port: '9092', protocol: TCP }], rules: { kafka: ${rules} } }] }]`,
      );
    expect(changes(kafka("[{ role: produce, topic: a }]"), kafka("[{ role: produce, topic: b }]"))).toEqual([
      "newly allowed: ingress of backend, web, 9092: 0 b",
      "newly denied: ingress of backend, web, 9092: 0 a",
    ]);
  });
});

test("without endpoints, between workloads that the selectors describe", () => {
  const wide = policies(
    `${TO}ingress: [{ fromEndpoints: [{ matchLabels: { app: web, tier: a } }] }, { fromCIDR: [10.0.0.0/8] }]`,
  );
  const narrow = policies(
    `${TO}ingress: [{ fromEndpoints: [{ matchLabels: { app: web, tier: b } }] }, { fromCIDRSet: [{ cidr: 10.0.0.0/8, except: [10.1.0.0/16] }] }]`,
  );
  expect(changes(wide, narrow, NO_WORLD).filter((text) => text.includes("of app=backend,"))).toEqual([
    "newly denied: ingress of app=backend, app=web,tier=a, 1-65535",
    "newly allowed: ingress of app=backend, app=web,tier=b, 1-65535",
    "newly denied: ingress of app=backend, 10.1.255.255, 1-65535",
  ]);
});

const word = fc.constantFrom("/a", "/b", "/a.*", "/[ab]", "/(a|b)c?", "/.*", "/a/[0-9]+", "^/a$", ".*");
const rule: fc.Arbitrary<HttpRule> = fc
  .record(
    {
      method: fc.constantFrom("GET", "PUT", "GET|PUT", "[A-Z]+"),
      path: word,
      host: fc.constantFrom("h", "h\\.test", "h.test", ".*\\.test"),
      headers: fc.array(
        fc.constantFrom(
          { name: "A", value: "1" },
          { name: "a", value: undefined },
          { name: "B", value: "2" },
        ),
        { maxLength: 2 },
      ),
    },
    { requiredKeys: ["headers"] },
  )
  .map(({ method, path, host, headers }) => ({ at, method, path, host, headers }));
const fits = (one: HttpRule, request: Parameters<typeof progressOf>[2]): boolean =>
  progressOf({ family: "http", field: "", rules: [one] }, 0, request)?.failed === undefined;

test("a request that shows a difference is allowed by the one and by none of the others", () => {
  fc.assert(
    fc.property(rule, fc.array(rule, { maxLength: 4 }), (one, others) => {
      const found = beyond(one, others);
      if (found.kind !== "witness") return;
      expect(fits(one, found.request)).toBe(true);
      for (const other of others) expect([other, fits(other, found.request)]).toEqual([other, false]);
    }),
  );
});

test("where no difference is found there is none among many requests", () => {
  const request = fc.record({
    method: fc.constantFrom("GET", "PUT", "X"),
    path: fc.constantFrom("/", "/a", "/b", "/ab", "/ac", "/bc", "/a/7", "/a/x", "/c"),
    host: fc.constantFrom("", "h", "h.test", "hxtest", "a.test"),
    headers: fc.array(fc.constantFrom<[string, string]>(["A", "1"], ["A", "2"], ["b", "2"]), {
      maxLength: 3,
    }),
  });
  let equal = 0;
  fc.assert(
    fc.property(
      rule,
      fc.array(rule, { maxLength: 4 }),
      fc.array(request, { maxLength: 30 }),
      (one, others, requests) => {
        if (beyond(one, others).kind !== "none") return;
        equal++;
        for (const some of requests) {
          const asked = { family: "http", ...some } as const;
          if (fits(one, asked)) expect(others.some((other) => fits(other, asked))).toBe(true);
        }
      },
    ),
    { numRuns: 300 },
  );
  expect(equal).toBeGreaterThan(20);
});

test("implied headers", () => {
  const h = (name: string, value?: string) => ({ name, value });
  expect(headersImplied([h("a")], [h("A", "1")])).toBe(true);
  expect(headersImplied([h("a", "1")], [h("A")])).toBe(false);
  expect(headersImplied([], [])).toBe(true);
});

test("a selector that covers another selects all that it selects", () => {
  const key = fc.constantFrom("any:a", "any:b");
  const value = fc.constantFrom("x", "y", "z");
  const requirement = fc.oneof(
    fc.record({
      key,
      operator: fc.constantFrom("In" as const, "NotIn" as const),
      values: fc.uniqueArray(value, { minLength: 1 }),
    }),
    fc.record({
      key,
      operator: fc.constantFrom("Exists" as const, "DoesNotExist" as const),
      values: fc.constant([]),
    }),
  );
  const selector = fc.array(requirement, { maxLength: 3 }).map((requirements) => ({ at, requirements }));
  const labels = fc.record({ "k8s:a": value, "k8s:b": value }, { requiredKeys: [] });
  fc.assert(
    fc.property(selector, selector, fc.array(labels, { maxLength: 12 }), (outer, inner, sets) => {
      if (!selectorCovers(outer, inner)) return;
      for (const set of sets) {
        const labelled = new LabelSet(set);
        if (labelled.fits(inner)) expect(labelled.fits(outer)).toBe(true);
      }
    }),
    { numRuns: 2000 },
  );
});

test("every change is one: the one side allows the request, the other denies it", () => {
  const rules = fc.array(
    fc.record({ method: fc.constantFrom("GET", "PUT"), path: word }, { requiredKeys: [] }),
    { maxLength: 3 },
  );
  fc.assert(
    fc.property(rules, rules, (before, after) => {
      const [old, now] = [before, after].map((one) => policies(http(JSON.stringify(one))));
      if (!old || !now) return;
      for (const { kind, request = "", endpoint, peers } of diff(old, now, WORLD)) {
        const [, words = request] = /^(.*?)(?: \{.*\})?$/.exec(request) ?? [];
        const asked = parseRequest({ http: words });
        const verdicts = [old, now].map(
          (one) =>
            new Bench(one, WORLD).ask({ from: peers[0] ?? "", to: endpoint, port: 80, request: asked })
              .verdict,
        );
        expect(verdicts).toEqual(kind === "newly allowed" ? ["deny", "allow"] : ["allow", "deny"]);
      }
    }),
    { numRuns: 50 },
  );
});
