// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "@jest/globals";
import { readFile } from "../../../l7policy/cases/cases.js";
import { NO_WORLD, worldFile, type World } from "../../../l7policy/cases/world.js";
import { parsePolicies } from "../../../l7policy/index.js";
import { unintendedHost, withDots } from "../../../l7policy/lint/hosts.js";
import { lint } from "../../../l7policy/lint/lint.js";
import { EVERYTHING, HTTP_ONLY, type Abilities } from "../../../l7policy/resolve/enforce.js";

const HEAD = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: { name: x }\nspec:\n";

/** Findings as `check line: message [witness]`; each spec is a file of its own, p.yaml and q.yaml, from line 5 on. */
function findings(specs: readonly string[], world = NO_WORLD, abilities: Abilities = EVERYTHING): string[] {
  const policies = specs.flatMap((spec, i) => {
    const parsed = parsePolicies(`${"pqr"[i]}.yaml`, `${HEAD}${spec.replace(/^/gm, "  ")}`);
    if (!parsed.ok) throw new Error(parsed.errors.map((error) => error.describe()).join("\n"));
    return parsed.policies;
  });
  return lint(policies, world, abilities).map(
    ({ check, rule, message, witness }) =>
      `${check} ${rule.line}: ${message}${witness === undefined ? "" : ` [${witness}]`}`,
  );
}

function world(text: object): World {
  const read = readFile(worldFile, "world.json", JSON.stringify(text));
  if (!read.ok) throw new Error(read.errors.map((error) => error.describe()).join("\n"));
  return read.value;
}

const TO = "endpointSelector: { matchLabels: { app: backend } }\n";
const ports = (rules: string, port = "80") =>
  `toPorts: [{ ports: [{ port: '${port}' }], rules: { ${rules} } }]`;
/** Rules one a line, from line 7 on. */
const http = (...rules: string[]): string =>
  `${TO}ingress: [{ toPorts: [{ ports: [{ port: '80' }], rules: { http: [\n${rules.map((rule) => `  ${rule}`).join(",\n")}] } }] }]`;

test("a policy without fault has no finding", () => {
  expect(findings([http("{ path: /a }", "{ path: /b, method: GET }", "{ host: 'a\\.test' }")])).toEqual([]);
});

describe("shadowed and unreachable rules", () => {
  test.each([
    [
      "an equal rule: the later one",
      ["{ path: /a }", "{ path: /a }"],
      "shadowed 8: all that it allows is allowed by p.yaml:7 [GET /a]",
    ],
    [
      "a wider path",
      ["{ path: '/a/[0-9]+' }", "{ path: '/a/.*' }"],
      "shadowed 7: all that it allows is allowed by p.yaml:8 [GET /a/0]",
    ],
    [
      "any method",
      ["{ method: POST, path: /a }", "{ path: /a }"],
      "shadowed 7: all that it allows is allowed by p.yaml:8 [POST /a]",
    ],
    [
      "fewer headers",
      ["{ path: /a, headers: ['X: 1', Y] }", "{ path: /a, headers: [x] }"],
      "shadowed 7: all that it allows is allowed by p.yaml:8 [GET /a {X: 1; Y: x}]",
    ],
    [
      "several together",
      ["{ path: '/[abc]' }", "{ path: '/[ab]' }", "{ path: '/[c]' }"],
      "shadowed 8: all that it allows is allowed by p.yaml:7 [GET /a]",
    ],
    [
      "anchors do not matter",
      ["{ path: '/a$' }", "{ path: '^/a' }"],
      "shadowed 8: all that it allows is allowed by p.yaml:7 [GET /a]",
    ],
    [
      "a path that no request has",
      ["{ path: products }"],
      "unreachable 7: no request has such a method, path and host",
    ],
    [
      "a path with a blank",
      ["{ path: '/a b' }"],
      "unreachable 7: no request has such a method, path and host",
    ],
    [
      "a word boundary that cannot be",
      ["{ path: '/a\\Bb\\b\\Bc' }"],
      "unreachable 7: no request has such a method, path and host",
    ],
    [
      "a union of three",
      ["{ method: 'GET|PUT', path: /x }", "{ method: GET, path: '/[xy]' }", "{ method: PUT }"],
      "shadowed 7: all that it allows is allowed by p.yaml:8 and p.yaml:9 [GET /x]",
    ],
  ])("%s", (_what, rules, finding) => {
    expect(findings([http(...rules)]).filter((one) => !one.startsWith("anchor"))).toContain(finding);
  });

  test.each([
    ["another value of a header", ["{ path: /a, headers: ['X: 1'] }", "{ path: /a, headers: ['X: 2'] }"]],
    ["a narrower method", ["{ path: /a }", "{ path: /b, method: GET }"]],
    ["paths that overlap", ["{ path: '/a.*' }", "{ path: '/.*b' }"]],
    ["another host", ["{ path: /a, host: 'a\\.test' }", "{ path: /a, host: 'b\\.test' }"]],
    ["one more header", ["{ path: /a, headers: [X] }", "{ path: /b }"]],
  ])("nothing is found: %s", (_what, rules) => {
    expect(findings([http(...rules)])).toEqual([]);
  });

  test("by a policy for more endpoints, peers and ports; not by one for fewer", () => {
    const wide = `endpointSelector: {}\ningress: [{ toPorts: [{ ports: [{ port: '1', endPort: 100 }], rules: { http: [{ path: '/.*' }] } }] }]`;
    const narrow = `${TO}ingress: [{ fromEndpoints: [{ matchLabels: { app: f } }], ${ports("http: [{ path: /a }]")} }]`;
    expect(findings([wide, narrow])).toEqual([
      "shadowed 6: all that it allows is allowed by p.yaml:6 [GET /a]",
    ]);
    const fewer = `${TO}ingress: [{ fromEndpoints: [{ matchLabels: { app: f } }], ${ports("http: [{ path: '/.*' }]")} }]`;
    expect(findings([fewer, http("{ path: /a }")])).toEqual([]);
  });

  test("thousands of rules are compared in bounded time", () => {
    const rules = Array.from({ length: 1000 }, (_, i) => `{ method: GET, path: '/svc${i}/[a-z]+' }`);
    const found = findings([http(...rules, "{ method: GET, path: /svc7/list }")]);
    expect(found).toEqual([
      expect.stringContaining("shadowed 1007: all that it allows is allowed by p.yaml:14"),
    ]);
  });
});

describe("rules beside others", () => {
  test("L7 without effect", () => {
    const open = `${TO}ingress: [{ ${ports("http: [{ path: /a }]")} }, { toPorts: [{ ports: [{ port: '80' }] }] }]`;
    expect(findings([open])).toEqual([
      "l7-without-effect 6: p.yaml:6 opens the port to anyone without looking at requests",
    ]);
    const other = `${TO}ingress: [{ ${ports("http: [{ path: /a }]")} }, { fromEndpoints: [{}], toPorts: [{ ports: [{ port: '80' }] }] }]`;
    expect(findings([other])).toEqual([]);
  });

  test("denied anyway", () => {
    const denied = `${TO}ingress: [{ fromCIDR: [10.1.0.0/16], ${ports("http: [{}]")} }]\ningressDeny: [{ fromCIDR: [10.0.0.0/8] }]`;
    const tcp = "not-seen 7: only TCP of it is denied: the sidecar judges TCP";
    expect(findings([denied])).toEqual(["denied-anyway 6: denied by p.yaml:7", tcp]);
    const nobody = denied.replace("fromCIDR: [10.1.0.0/16]", "fromCIDR: []");
    expect(findings([nobody])).toEqual([expect.stringMatching(/^allows-nothing 6: /), tcp]);
    const some = `${TO}ingress: [{ fromCIDR: [10.0.0.0/8], ${ports("http: [{}]")} }]\ningressDeny: [{ fromCIDR: [10.1.0.0/16] }]`;
    expect(findings([some])).toEqual([tcp]);
  });

  test("families that disagree", () => {
    const two = `${TO}ingress: [{ ${ports("http: [{}]")} }, { fromEndpoints: [{}], ${ports("kafka: [{}]")} }]`;
    expect(findings([two]).filter((one) => one.startsWith("families"))).toEqual([
      "families-disagree 6: http here, kafka at p.yaml:6",
      "families-disagree 6: kafka here, http at p.yaml:6",
    ]);
    const apart = `${TO}ingress: [{ ${ports("http: [{}]")} }, { ${ports("kafka: [{}]", "81")} }]`;
    expect(findings([apart]).filter((one) => one.startsWith("families"))).toEqual([]);
    const grpc = `${TO}ingress: [{ ${ports("http: [{ path: /a }]")} }, { ${ports("grpc: [{}]")} }]`;
    expect(findings([grpc])).toEqual([]);
  });
});

describe("patterns", () => {
  test("anchors", () => {
    expect(findings([http("{ path: '^/a', method: 'GET$' }")])).toEqual([
      "anchor 7: method: GET$ matches the whole method without ^ and $",
      "anchor 7: path: ^/a matches the whole path without ^ and $",
    ]);
  });

  test("dots in hosts, with a host that shows it", () => {
    expect(findings([http("{ host: foo.bar.com }")])).toEqual([
      "dot-in-host 7: host: foo.bar.com matches more than it seems to; write \\. for a dot [fooabaracom]",
    ]);
    for (const fine of ["foo\\.bar", ".*\\.bar\\.com", "foo[.]bar", ".+", "a.{2}b", "localhost"])
      expect([fine, unintendedHost(fine)]).toEqual([fine, undefined]);
    expect(unintendedHost(".*.bar")).toBe("abar");
    expect(withDots("a\\\\.b")).toBe("a\\\\\\.b");
  });
});

describe("with endpoints", () => {
  const there = world({
    endpoints: {
      backend: { labels: { app: "backend" }, ports: { http: 80 } },
      web: { labels: { app: "web" } },
    },
    services: [{ name: "db" }],
  });

  test("selectors that select nothing, unknown port names and services", () => {
    const policy = `endpointSelector: { matchLabels: { app: gone } }\ningress: [{ fromEndpoints: [{ matchLabels: { app: web } }, { matchLabels: { app: wbe } }], toPorts: [{ ports: [{ port: htpp }, { port: http }] }] }]\negress: [{ toServices: [{ k8sService: { serviceName: bd } }, { k8sService: { serviceName: db } }] }]`;
    expect(findings([policy], there)).toEqual([
      "selects-nothing 5: no endpoint is selected by any:app=gone, k8s:io.kubernetes.pod.namespace=default",
      "selects-nothing 6: no peer is selected by any:app=wbe, k8s:io.kubernetes.pod.namespace=default",
      "unknown-port-name 6: no endpoint names a port htpp",
      "unknown-service 7: there is no service default/bd",
    ]);
    expect(findings([policy])).toEqual([]);
  });

  test("families disagree where endpoints show it", () => {
    const two = `${TO}ingress: [{ fromEndpoints: [{ matchLabels: { app: web } }], ${ports("http: [{}]")} }, { fromEndpoints: [{ matchExpressions: [{ key: app, operator: NotIn, values: [x] }] }], ${ports("memcached: [{}]")} }]`;
    expect(findings([two], there).filter((one) => one.startsWith("families"))).toHaveLength(2);
  });
});

test("what cannot be enforced, is empty, not seen, or not for the kernel", () => {
  const policy = `${TO}ingress:\n  - fromEndpoints: []\n  - ${ports("http: []")}\n  - ${ports("kafka: [{}]", "81")}\n  - toPorts: [{ ports: [{ port: 53, protocol: UDP }] }]`;
  expect(findings([policy], NO_WORLD, HTTP_ONLY)).toEqual([
    "allows-nothing 7: the list of peers is empty: the rule allows nobody",
    "allows-nothing 8: the list of http rules is empty: no request is allowed",
    "cannot-be-enforced 9: no protocol of the proxy enforces kafka rules yet (ingress)",
    "not-in-kernel 9: kafka: the kernel judges HTTP/1 and memcached's text commands only",
    "not-seen 10: UDP passes in any case: the sidecar judges TCP",
  ]);
  const many = Array.from({ length: 61 }, (_, i) => `{ path: /a${i}, headers: ['X-${i}'] }`);
  expect(findings([http(...many)])).toEqual([
    "too-large-for-kernel 6: the rules together have more than 60 conditions on host and headers",
  ]);
});
