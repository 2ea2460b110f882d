// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { parsePolicies } from "../../../l7policy/index.js";

const GOOD = `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: web
spec:
  endpointSelector:
    matchLabels:
      app: backend
  ingress:
    - fromEndpoints:
        - matchLabels:
            app: frontend
      toPorts:
        - ports:
            - port: "80"
              protocol: TCP
          rules:
            http:
              - method: GET
                path: /a.*
`;

/** What is changed in the good policy, and the error that it must give: line, field, part of the message. */
const BROKEN: readonly [
  what: string,
  find: string,
  put: string,
  line: number,
  field: string,
  says: string,
][] = [
  ["apiVersion", "cilium.io/v2", "cilium.io/v1", 1, "apiVersion", "must be cilium.io/v2"],
  ["kind", "kind: CiliumNetworkPolicy", "kind: Policy", 2, "kind", "must be CiliumNetworkPolicy"],
  ["no kind", "kind: CiliumNetworkPolicy\n", "", 1, "kind", "is missing"],
  ["no name", "  name: web", "  namespace: x", 4, "metadata.name", "is missing"],
  ["numeric name", "name: web", "name: 7", 4, "metadata.name", "must be a string"],
  ["unknown field of metadata", "name: web", "name: web\n  nmae: x", 5, "metadata.nmae", "unknown field"],
  [
    "no selector",
    "  endpointSelector:\n    matchLabels:\n      app: backend\n",
    "",
    6,
    "spec.endpointSelector",
    "is missing",
  ],
  ["unknown field of spec", "  ingress:", "  ingres: []\n  ingress:", 9, "spec.ingres", "unknown field"],
  ["no direction", /  ingress:[^]*/.exec(GOOD)?.[0] ?? "", "", 6, "spec", "has no ingress"],
  ["node policy", "  ingress:", "  nodeSelector: {}\n  ingress:", 9, "spec.nodeSelector", "not for sidecars"],
  ["numeric label", "app: backend", "app: 5", 8, "spec.endpointSelector.matchLabels.app", "must be a string"],
  [
    "selector is a list",
    "    matchLabels:\n      app: backend",
    "    - app",
    7,
    "spec.endpointSelector",
    "must be a mapping",
  ],
  [
    "bad operator",
    "    matchLabels:\n      app: backend",
    "    matchExpressions: [{ key: a, operator: Is, values: [b] }]",
    7,
    "spec.endpointSelector.matchExpressions[0].operator",
    "must be In",
  ],
  [
    "values with Exists",
    "    matchLabels:\n      app: backend",
    "    matchExpressions: [{ key: a, operator: Exists, values: [b] }]",
    7,
    "spec.endpointSelector.matchExpressions[0].values",
    "must be left out",
  ],
  [
    "In without values",
    "    matchLabels:\n      app: backend",
    "    matchExpressions: [{ key: a, operator: In }]",
    7,
    "spec.endpointSelector.matchExpressions[0].values",
    "must not be empty",
  ],
  [
    "ingress is a mapping",
    "    - fromEndpoints:",
    "      fromEndpoints:",
    10,
    "spec.ingress",
    "must be a list",
  ],
  ["fromEndpoint", "fromEndpoints", "fromEndpoint", 10, "spec.ingress[0].fromEndpoint", "unknown field"],
  [
    "toEndpoints in ingress",
    "fromEndpoints",
    "toEndpoints",
    10,
    "spec.ingress[0].toEndpoints",
    "unknown field",
  ],
  [
    "fromCIDR",
    "    - fromEndpoints:",
    "    - fromCIDR: [10.0.0.0/8]\n    - fromEndpoints:",
    10,
    "spec.ingress[0].fromCIDR",
    "not supported",
  ],
  [
    "icmps",
    "    - fromEndpoints:",
    "    - icmps: []\n    - fromEndpoints:",
    10,
    "spec.ingress[0].icmps",
    "not supported",
  ],
  [
    "authentication",
    "    - fromEndpoints:",
    "    - authentication: { mode: required }\n    - fromEndpoints:",
    10,
    "spec.ingress[0].authentication",
    "not supported",
  ],
  [
    "two kinds of peers",
    "      toPorts:",
    "      fromEntities: [world]\n      toPorts:",
    10,
    "spec.ingress[0].fromEndpoints",
    "cannot be combined",
  ],
  [
    "unknown entity",
    "    - fromEndpoints:",
    "    - fromEntities: [wolrd]\n    - fromEndpoints:",
    10,
    "spec.ingress[0].fromEntities",
    "unknown entity wolrd",
  ],
  [
    "no ports",
    '        - ports:\n            - port: "80"\n              protocol: TCP\n          rules:',
    "        - rules:",
    14,
    "spec.ingress[0].toPorts[0].ports",
    "at least one port",
  ],
  ["port name", '"80"', "web", 15, "spec.ingress[0].toPorts[0].ports[0].port", "must be a whole number"],
  ["port too large", '"80"', '"70000"', 15, "spec.ingress[0].toPorts[0].ports[0].port", "from 0 to 65535"],
  ["port 0 with L7", '"80"', '"0"', 14, "spec.ingress[0].toPorts[0].ports", "port 0"],
  [
    "endPort below port",
    "protocol: TCP",
    "endPort: 70",
    16,
    "spec.ingress[0].toPorts[0].ports[0].endPort",
    "from 80",
  ],
  ["UDP", "protocol: TCP", "protocol: UDP", 16, "spec.ingress[0].toPorts[0].ports[0].protocol", "TCP only"],
  [
    "TLS",
    "          rules:",
    "          terminatingTLS: {}\n          rules:",
    17,
    "spec.ingress[0].toPorts[0].terminatingTLS",
    "not supported",
  ],
  [
    "kafka",
    "            http:",
    "            kafka: []\n            http:",
    18,
    "spec.ingress[0].toPorts[0].rules.kafka",
    "not supported",
  ],
  [
    "http is a mapping",
    "              - method: GET\n                path",
    "                method: GET\n                path",
    19,
    "spec.ingress[0].toPorts[0].rules.http",
    "must be a list",
  ],
  [
    "unknown key of a rule",
    "path: /a.*",
    "paht: /a.*",
    20,
    "spec.ingress[0].toPorts[0].rules.http[0].paht",
    "unknown field",
  ],
  [
    "bad pattern",
    "path: /a.*",
    "path: /a(",
    20,
    "spec.ingress[0].toPorts[0].rules.http[0].path",
    "missing closing )",
  ],
  [
    "headerMatches",
    "path: /a.*",
    "headerMatches: []",
    20,
    "spec.ingress[0].toPorts[0].rules.http[0].headerMatches",
    "not supported",
  ],
  [
    "headers are strings",
    "path: /a.*",
    "headers: [{ name: x }]",
    20,
    "spec.ingress[0].toPorts[0].rules.http[0].headers[0]",
    "must be a string",
  ],
  [
    "L7 in a deny rule",
    "  ingress:",
    "  ingressDeny:",
    17,
    "spec.ingressDeny[0].toPorts[0].rules",
    "no L7 part",
  ],
];

test("the good policy is good", () => {
  expect(parsePolicies("web.yaml", GOOD)).toMatchObject({ ok: true, policies: [{ name: "web" }] });
});

test.each(BROKEN)("%s", (_what, find, put, line, field, says) => {
  expect(GOOD).toContain(find);
  const parsed = parsePolicies("web.yaml", GOOD.replace(find, put));
  expect(parsed.ok).toBe(false);
  if (parsed.ok) return;
  const errors = parsed.errors.map((error) => ({
    file: error.at?.file,
    line: error.at?.line,
    field: error.field,
    message: error.message,
  }));
  expect(errors).toContainEqual({ file: "web.yaml", line, field, message: expect.stringContaining(says) });
});

test.each([
  ["tabs", "spec:\n\tx: 1\n", 2],
  ["unclosed bracket", "spec: [\n", 2],
  ["duplicate key", "kind: a\nkind: b\n", 2],
  ["alias", "a: &x [1]\nb: *x\n", 2],
  ["a list of everything", "- 1\n", 1],
])("YAML: %s", (_what, text, line) => {
  const parsed = parsePolicies("x.yaml", text);
  expect(parsed.ok).toBe(false);
  if (!parsed.ok) expect(parsed.errors.map((error) => error.at?.line)).toContain(line);
});

test("every error of a file is reported, and several documents are read", () => {
  const two = parsePolicies("x.yaml", `${GOOD}---\n${GOOD.replace("web", "web2")}`);
  expect(two).toMatchObject({ ok: true, policies: [{ name: "web" }, { name: "web2" }] });
  const broken = parsePolicies(
    "x.yaml",
    GOOD.replace("path: /a.*", "path: '('").replace("app: backend", "app: 1"),
  );
  expect(broken.ok ? 0 : broken.errors.length).toBe(2);
});
