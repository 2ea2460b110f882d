// SPDX-License-Identifier: Apache-2.0
/** Good documents, and edits that break them: what is replaced, by what, and the error that must be reported. */
export interface Broken {
  readonly base: string;
  readonly edits: readonly (readonly [find: string, put: string, line: number, field: string, says: string])[];
}

/** An ingress policy with most of what an L7 rule can say. */
export const WEB = `apiVersion: cilium.io/v2
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

/** An egress policy, with expressions and a deny rule. */
export const OUT = `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: out
  namespace: shop
spec:
  endpointSelector:
    matchExpressions:
      - key: app
        operator: In
        values: [backend]
  egress:
    - toCIDRSet:
        - cidr: 10.0.0.0/8
          except: [10.1.0.0/16]
    - toFQDNs:
        - matchName: example.com
    - toServices:
        - k8sService:
            serviceName: db
      toPorts:
        - ports: [{ port: "5432" }]
  egressDeny:
    - toEntities: [world]
      toPorts:
        - ports: [{ port: "25" }]
`;

/** A policy of the whole cluster. */
export const CLUSTER = `apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata:
  name: all
spec:
  endpointSelector: {}
  ingress:
    - fromEntities: [cluster]
`;

/** Kubernetes' own. */
export const NETWORK = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: db
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress:
    - from:
        - podSelector:
            matchLabels:
              app: web
        - ipBlock:
            cidr: 192.0.2.0/24
      ports:
        - port: 5432
          protocol: TCP
`;

const RULE = "    - fromEndpoints:";
const L7 = "            http:\n              - method: GET\n                path: /a.*\n";
const HTTP = "spec.ingress[0].toPorts[0].rules.http[0]";
const PORT = "spec.ingress[0].toPorts[0].ports[0]";
const RULES = "spec.ingress[0].toPorts[0].rules";

export const BROKEN: readonly Broken[] = [
  {
    base: WEB,
    edits: [
      // The document.
      ["cilium.io/v2", "cilium.io/v1", 1, "apiVersion", "must be cilium.io/v2"],
      ["apiVersion: cilium.io/v2\n", "", 1, "apiVersion", "is missing"],
      ["kind: CiliumNetworkPolicy", "kind: Policy", 2, "kind", "must be one of CiliumNetworkPolicy"],
      ["kind: CiliumNetworkPolicy", "kind: [CiliumNetworkPolicy]", 2, "kind", "must be one of"],
      ["kind: CiliumNetworkPolicy\n", "", 1, "kind", "is missing"],
      ["kind:", "kid:", 1, "kind", "is missing"],
      ["spec:", "speck: 1\nspec:", 5, "speck", "unknown field; did you mean spec?"],
      ["metadata:\n  name: web\n", "", 1, "metadata", "is missing"],
      ["metadata:\n  name: web\n", "metadata: web\n", 3, "metadata", "must be a mapping"],
      ["  name: web", "  namespace: x", 4, "metadata.name", "is missing"],
      ["name: web", "name: 7", 4, "metadata.name", "must be a string"],
      ["name: web", 'name: ""', 4, "metadata.name", "must not be empty"],
      ["name: web", `name: ${"x".repeat(254)}`, 4, "metadata.name", "longer than 253"],
      ["name: web", "name: web\n  nmae: x", 5, "metadata.nmae", "did you mean name?"],
      ["name: web", "name: web\n  namespace: [a]", 5, "metadata.namespace", "must be a string"],
      [/spec:[^]*/.exec(WEB)?.[0] ?? "", "", 1, "spec", "is missing"],
      [/spec:[^]*/.exec(WEB)?.[0] ?? "", "spec: []\n", 5, "spec", "must be a mapping"],
      [/spec:[^]*/.exec(WEB)?.[0] ?? "", "specs: {}\n", 5, "specs", "must be a list"],
      [/spec:[^]*/.exec(WEB)?.[0] ?? "", "specs: []\n", 5, "specs", "must name at least one"],
      [/spec:[^]*/.exec(WEB)?.[0] ?? "", "specs: [{}]\n", 5, "specs[0].endpointSelector", "is missing"],
      // The spec.
      [/ {2}endpointSelector:\n.*\n.*\n/.exec(WEB)?.[0] ?? "", "", 6, "spec.endpointSelector", "is missing"],
      ["  ingress:", "  ingres: []\n  ingress:", 9, "spec.ingres", "unknown field; did you mean ingress?"],
      [/ {2}ingress:[^]*/.exec(WEB)?.[0] ?? "", "", 6, "spec", "has no rule in ingress"],
      [/ {2}ingress:[^]*/.exec(WEB)?.[0] ?? "", "  ingress: []\n", 9, "spec.ingress", "[{}]"],
      [/ {2}ingress:[^]*/.exec(WEB)?.[0] ?? "", "  ingress:\n", 9, "spec.ingress", "must be a list"],
      ["  ingress:", "  egress: []\n  ingress:", 9, "spec.egress", "neither allows nor denies"],
      ["  ingress:", "  ingressDeny: []\n  ingress:", 9, "spec.ingressDeny", "neither allows nor denies"],
      ["  ingress:", "  nodeSelector: {}\n  ingress:", 9, "spec.nodeSelector", "not for sidecars"],
      ["  ingress:", "  enableDefaultDeny: true\n  ingress:", 9, "spec.enableDefaultDeny", "must be a mapping"],
      [
        "  ingress:",
        "  enableDefaultDeny: { ingress: 'no' }\n  ingress:",
        9,
        "spec.enableDefaultDeny.ingress",
        "must be true or false",
      ],
      ["  ingress:", "  enableDefaultDeny: { in: no }\n  ingress:", 9, "spec.enableDefaultDeny.in", "unknown"],
      ["  ingress:", "  log: text\n  ingress:", 9, "spec.log", "must be a mapping"],
      ["  ingress:", "  log: {}\n  ingress:", 9, "spec.log.value", "is missing"],
      ["  ingress:", `  log: { value: ${"x".repeat(33)} }\n  ingress:`, 9, "spec.log.value", "1 to 32"],
      ["  ingress:", '  log: { value: "a\\tb" }\n  ingress:', 9, "spec.log.value", "printable"],
      ["  ingress:", "  description: 5\n  ingress:", 9, "spec.description", "must be a string"],
      // Selectors.
      ["app: backend", "app: 5", 8, "spec.endpointSelector.matchLabels.app", "must be a string"],
      ["app: backend", "app: true", 8, "spec.endpointSelector.matchLabels.app", "must be a string"],
      ["app: backend", "app:", 8, "spec.endpointSelector.matchLabels.app", "must be a string"],
      ["app: backend", "app: a/b", 8, "spec.endpointSelector.matchLabels.app", "is no label value"],
      ["app: backend", "app: -a", 8, "spec.endpointSelector.matchLabels.app", "is no label value"],
      [
        "app: backend",
        `app: ${"a".repeat(64)}`,
        8,
        "spec.endpointSelector.matchLabels.app",
        "is no label value",
      ],
      ["app: backend", "a b: c", 7, "spec.endpointSelector", "a b is no label key"],
      ["app: backend", "7: c", 8, "spec.endpointSelector.matchLabels", "a key must be a string"],
      ["matchLabels:\n      app: backend", "- app", 7, "spec.endpointSelector", "must be a mapping"],
      ["matchLabels", "matchLabel", 7, "spec.endpointSelector.matchLabel", "did you mean matchLabels?"],
      [
        "app: backend",
        "app: backend\n      k8s:io.kubernetes.pod.namespace: other",
        7,
        "spec.endpointSelector",
        "selects namespace other, but the policy is in default",
      ],
      ["            app: frontend", "            app: [a]", 12, "spec.ingress[0].fromEndpoints[0].matchLabels.app", "must be a string"],
      ["        - matchLabels:\n            app: frontend", "        matchLabels: {}", 11, "spec.ingress[0].fromEndpoints", "must be a list"],
      ["        - matchLabels:\n            app: frontend", "        - frontend", 11, "spec.ingress[0].fromEndpoints[0]", "must be a mapping"],
      // Rules.
      [RULE, "      fromEndpoints:", 10, "spec.ingress", "must be a list"],
      [RULE, `    - web\n${RULE}`, 10, "spec.ingress[0]", "must be a mapping"],
      ["fromEndpoints", "fromEndpoint", 10, "spec.ingress[0].fromEndpoint", "did you mean fromEndpoints?"],
      ["fromEndpoints", "toEndpoints", 10, "spec.ingress[0].toEndpoints", "unknown field"],
      [RULE, `    - toFQDNs: []\n${RULE}`, 10, "spec.ingress[0].toFQDNs", "unknown field"],
      [RULE, `    - toServices: []\n${RULE}`, 10, "spec.ingress[0].toServices", "unknown field"],
      [RULE, `    - fromNodes: [{}]\n${RULE}`, 10, "spec.ingress[0].fromNodes", "selects nodes"],
      [RULE, `    - fromGroups: []\n${RULE}`, 10, "spec.ingress[0].fromGroups", "asks a cloud provider"],
      [RULE, `    - fromRequires: [{}]\n${RULE}`, 10, "spec.ingress[0].fromRequires", "no meaning"],
      [RULE, `    - icmps: []\n${RULE}`, 10, "spec.ingress[0].icmps", "needs ICMP"],
      [
        RULE,
        `    - authentication: { mode: required }\n${RULE}`,
        10,
        "spec.ingress[0].authentication.mode",
        "needs mutual authentication",
      ],
      [
        RULE,
        `    - authentication: { mode: test-always-fail }\n${RULE}`,
        10,
        "spec.ingress[0].authentication.mode",
        "for tests",
      ],
      [RULE, `    - authentication: {}\n${RULE}`, 10, "spec.ingress[0].authentication.mode", "is missing"],
      [RULE, `    - authentication: { mode: maybe }\n${RULE}`, 10, "spec.ingress[0].authentication.mode", "unknown value"],
      [
        "      toPorts:",
        "      fromEntities: [world]\n      toPorts:",
        10,
        "spec.ingress[0].fromEndpoints",
        "cannot be combined with fromEntities",
      ],
      [
        "      toPorts:",
        "      fromCIDR: [10.0.0.0/8]\n      toPorts:",
        10,
        "spec.ingress[0].fromEndpoints",
        "cannot be combined with fromCIDR",
      ],
      [
        RULE,
        `    - fromCIDR: []\n      fromCIDRSet: []\n${RULE}`,
        10,
        "spec.ingress[0].fromCIDR",
        "cannot be combined with fromCIDRSet",
      ],
      [RULE, `    - fromEntities: [wolrd]\n${RULE}`, 10, "spec.ingress[0].fromEntities[0]", "unknown value wolrd"],
      [RULE, `    - fromEntities: world\n${RULE}`, 10, "spec.ingress[0].fromEntities", "must be a list"],
      [RULE, `    - fromEntities: [1]\n${RULE}`, 10, "spec.ingress[0].fromEntities[0]", "must be a string"],
      [RULE, `    - fromCIDR: [10.0.0.0/33]\n${RULE}`, 10, "spec.ingress[0].fromCIDR[0]", "is no CIDR"],
      [RULE, `    - fromCIDR: [localhost]\n${RULE}`, 10, "spec.ingress[0].fromCIDR[0]", "is no CIDR"],
      [RULE, `    - fromCIDR: [10.0.0]\n${RULE}`, 10, "spec.ingress[0].fromCIDR[0]", "is no CIDR"],
      [RULE, `    - fromCIDR: [fe80::1%eth0]\n${RULE}`, 10, "spec.ingress[0].fromCIDR[0]", "is no CIDR"],
      [RULE, `    - fromCIDR: [""]\n${RULE}`, 10, "spec.ingress[0].fromCIDR[0]", "is no CIDR"],
      [RULE, `    - fromProcess: [{}]\n${RULE}`, 10, "spec.ingress[0].fromProcess[0]", "must name an executable"],
      [RULE, `    - fromProcess: [{ uid: -1 }]\n${RULE}`, 10, "spec.ingress[0].fromProcess[0].uid", "whole number"],
      [RULE, `    - fromProcess: [{ uid: root }]\n${RULE}`, 10, "spec.ingress[0].fromProcess[0].uid", "whole number"],
      [
        RULE,
        `    - fromProcess: [{ executable: curl }]\n${RULE}`,
        10,
        "spec.ingress[0].fromProcess[0].executable",
        "must be an absolute path",
      ],
      [
        RULE,
        `    - fromProcess: [{ cgroup: x }]\n${RULE}`,
        10,
        "spec.ingress[0].fromProcess[0].cgroup",
        "must be a path",
      ],
      [RULE, `    - fromProcess: [{ pid: 1 }]\n${RULE}`, 10, "spec.ingress[0].fromProcess[0].pid", "unknown field"],
      // Ports.
      [/ {6}toPorts:[^]*/.exec(WEB)?.[0] ?? "", "      toPorts: []\n", 13, "spec.ingress[0].toPorts", "must name at least one"],
      [/ {6}toPorts:[^]*/.exec(WEB)?.[0] ?? "", "      toPorts: 80\n", 13, "spec.ingress[0].toPorts", "must be a list"],
      [
        '        - ports:\n            - port: "80"\n              protocol: TCP\n          rules:',
        "        - rules:",
        14,
        "spec.ingress[0].toPorts[0].ports",
        "is missing",
      ],
      ['\n            - port: "80"\n              protocol: TCP', " []", 14, "spec.ingress[0].toPorts[0].ports", "at least one"],
      [
        '\n            - port: "80"\n              protocol: TCP',
        ` [${Array.from({ length: 41 }, (_, i) => `{ port: ${i + 1} }`).join(", ")}]`,
        14,
        "spec.ingress[0].toPorts[0].ports",
        "more than 40",
      ],
      ['- port: "80"\n              protocol', "- protocol", 15, `${PORT}.port`, "is missing"],
      ['"80"', "-1", 15, `${PORT}.port`, "whole number"],
      ['"80"', "1.5", 15, `${PORT}.port`, "whole number"],
      ['"80"', "080", 15, `${PORT}.port`, "whole number"],
      ['"80"', '"080"', 15, `${PORT}.port`, "whole number"],
      ['"80"', "0x50", 15, `${PORT}.port`, "whole number"],
      ['"80"', '"70000"', 15, `${PORT}.port`, "from 0 to 65535"],
      ['"80"', "http_alt", 15, `${PORT}.port`, "whole number"],
      ['"80"', "a-much-too-long-name", 15, `${PORT}.port`, "whole number"],
      ['"80"', "-http", 15, `${PORT}.port`, "whole number"],
      ['"80"', '""', 15, `${PORT}.port`, "whole number"],
      ['"80"', '"0"', 14, "spec.ingress[0].toPorts[0].ports", "port 0"],
      ["protocol: TCP", "endPort: 70", 16, `${PORT}.endPort`, "from 80"],
      ["protocol: TCP", "endPort: 70000", 16, `${PORT}.endPort`, "from 0 to 65535"],
      ['"80"\n              protocol: TCP', "http\n              endPort: 90", 16, `${PORT}.endPort`, "named port"],
      ["protocol: TCP", "protocol: UDP", 15, `${PORT}.protocol`, "for TCP, not UDP"],
      ["protocol: TCP", "protocol: SCTP", 15, `${PORT}.protocol`, "for TCP, not SCTP"],
      ["protocol: TCP", "protocol: tcp", 16, `${PORT}.protocol`, "unknown value tcp"],
      ["protocol: TCP", "protocol: ICMP", 16, `${PORT}.protocol`, "is not seen by the sidecar"],
      ["protocol: TCP", "protocol: GRE", 16, `${PORT}.protocol`, "is not seen by the sidecar"],
      ["          rules:", "          terminatingTLS: {}\n          rules:", 17, "spec.ingress[0].toPorts[0].terminatingTLS", "needs the keys"],
      ["          rules:", "          originatingTLS: {}\n          rules:", 17, "spec.ingress[0].toPorts[0].originatingTLS", "needs the keys"],
      ["          rules:", "          listener: {}\n          rules:", 17, "spec.ingress[0].toPorts[0].listener", "Envoy"],
      [
        "          rules:",
        "          serverNames: [a.example]\n          rules:",
        17,
        "spec.ingress[0].toPorts[0].serverNames",
        "cannot be combined with rules",
      ],
      ["          rules:", "          serverNames: []\n          rules:", 17, "spec.ingress[0].toPorts[0].serverNames", "at least one"],
      ...["***", "example.c**", "example.com.", "(a|b)", '""'].map(
        (name) =>
          [
            `          rules:\n${L7}`,
            `          serverNames: ['${name.replaceAll("\"", "")}']\n`,
            17,
            "spec.ingress[0].toPorts[0].serverNames[0]",
            name === "***" || name.endsWith("**") ? "label of its own" : "is no server name",
          ] as const,
      ),
      // L7.
      [`          rules:\n${L7}`, "          rules: []\n", 17, RULES, "must be a mapping"],
      ["            http:", "            htpp:", 18, `${RULES}.htpp`, "unknown field"],
      ["            http:", "            kafka: []\n            http:", 18, `${RULES}.kafka`, "one family on a port"],
      ["            http:", "            dns: []\n            http:", 18, `${RULES}.dns`, "one family on a port"],
      ["            http:", "            grpc: []\n            http:", 18, `${RULES}.grpc`, "one family on a port"],
      ["            http:", "            l7proto: memcache\n            l7: []\n            http:", 18, `${RULES}.l7proto`, "one family"],
      [L7, "            dns: [{ matchPattern: '*' }]\n", 17, "spec.ingress[0].toPorts[0].rules", "egress only"],
      ["              - method: GET\n                path", "                method: GET\n                path", 19, `${RULES}.http`, "must be a list"],
      ["path: /a.*", "paht: /a.*", 20, `${HTTP}.paht`, "unknown field; did you mean path?"],
      ["path: /a.*", "path: [/a]", 20, `${HTTP}.path`, "must be a string"],
      ["path: /a.*", "path: /a(", 20, `${HTTP}.path`, "missing closing )"],
      ["path: /a.*", "path: '/a[z-a]'", 20, `${HTTP}.path`, "character"],
      ["path: /a.*", "path: '(?=x)'", 20, `${HTTP}.path`, "unsupported Perl syntax"],
      ["path: /a.*", "path: 'a**'", 20, `${HTTP}.path`, "nested repetition operator"],
      ["path: /a.*", "path: 'a{1001}'", 20, `${HTTP}.path`, "invalid repeat count"],
      ["path: /a.*", "path: '(a{1,1000}){1,1000}'", 20, `${HTTP}.path`, "character"],
      ["path: /a.*", "host: '*.example.com'", 20, `${HTTP}.host`, "missing argument"],
      ["method: GET", "method: '+'", 19, `${HTTP}.method`, "missing argument"],
      ["path: /a.*", "headers: [{ name: x }]", 20, `${HTTP}.headers[0]`, "must be a string"],
      ["path: /a.*", "headers: ['']", 20, `${HTTP}.headers[0]`, "must not be empty"],
      ["path: /a.*", "headers: ['X-Key:value']", 20, `${HTTP}.headers[0]`, "with a space"],
      ["path: /a.*", "headers: [':path /x']", 20, `${HTTP}.headers[0]`, "is no header name"],
      ["path: /a.*", "headerMatches: [{ value: x }]", 20, `${HTTP}.headerMatches[0].name`, "is missing"],
      ["path: /a.*", "headerMatches: [{ name: 'a b' }]", 20, `${HTTP}.headerMatches[0].name`, "is no header name"],
      ["path: /a.*", "headerMatches: [{ name: a, mismatch: DROP }]", 20, `${HTTP}.headerMatches[0].mismatch`, "unknown value"],
      ["path: /a.*", "headerMatches: [{ name: Content-Length, value: '1', mismatch: REPLACE }]", 20, `${HTTP}.headerMatches[0].name`, "cannot be changed"],
      ["path: /a.*", "headerMatches: [{ name: hOst, value: a, mismatch: DELETE }]", 20, `${HTTP}.headerMatches[0].name`, "cannot be changed"],
      ["path: /a.*", 'headerMatches: [{ name: a, value: "b\\r\\nX: y", mismatch: ADD }]', 20, `${HTTP}.headerMatches[0].value`, "printable ASCII"],
      ["path: /a.*", "headerMatches: [{ name: a, value: ' b', mismatch: REPLACE }]", 20, `${HTTP}.headerMatches[0].value`, "printable ASCII"],
      ["path: /a.*", "headerMatches: [{ name: a, mismatch: ADD }]", 20, `${HTTP}.headerMatches[0].mismatch`, "needs a value"],
      ["path: /a.*", "headerMatches: [{ name: a, mismatch: DELETE, value: '' }]", 20, `${HTTP}.headerMatches[0].mismatch`, "needs a value"],
      ["path: /a.*", "headerMatches: [{ name: a, secret: { name: s } }]", 20, `${HTTP}.headerMatches[0].secret`, "names a Kubernetes secret"],
      [L7, "            kafka: [{ role: admin }]\n", 18, `${RULES}.kafka[0].role`, "unknown role admin"],
      [L7, "            kafka: [{ apiKey: prodcue }]\n", 18, `${RULES}.kafka[0].apiKey`, "unknown apiKey"],
      [L7, "            kafka: [{ apiKey: fetch, role: consume }]\n", 18, `${RULES}.kafka[0].apiKey`, "cannot be combined with role"],
      [L7, "            kafka: [{ apiVersion: '40000' }]\n", 18, `${RULES}.kafka[0].apiVersion`, "from 0 to 32767"],
      [L7, "            kafka: [{ topic: 'a b' }]\n", 18, `${RULES}.kafka[0].topic`, "is no topic name"],
      [L7, `            kafka: [{ topic: ${"a".repeat(256)} }]\n`, 18, `${RULES}.kafka[0].topic`, "longer than 255"],
      [L7, "            kafka: [{ topic: a, topicPrefix: a }]\n", 18, `${RULES}.kafka[0].topicPrefix`, "cannot be combined"],
      [L7, "            kafka: [{ clientId: a }]\n", 18, `${RULES}.kafka[0].clientId`, "did you mean clientID?"],
      [L7, "            l7: [{}]\n", 18, `${RULES}.l7`, "needs l7proto"],
      [L7, "            l7proto: cassandra\n", 18, `${RULES}.l7`, "is missing"],
      [L7, "            l7proto: r2d2\n            l7: []\n", 18, `${RULES}.l7proto`, "is a toy"],
      [L7, "            l7proto: redis\n            l7: []\n", 18, `${RULES}.l7proto`, "unknown value redis"],
      [L7, "            l7proto: cassandra\n            l7: [{ command: get }]\n", 19, `${RULES}.l7[0].command`, "is no key of cassandra"],
      [L7, "            l7proto: cassandra\n            l7: [{ query_action: selekt }]\n", 19, `${RULES}.l7[0].query_action`, "unknown value"],
      [L7, "            l7proto: cassandra\n            l7: [{ query_action: list-users, query_table: a }]\n", 19, `${RULES}.l7[0].query_action`, "names no table"],
      [L7, "            l7proto: cassandra\n            l7: [{ query_table: '[' }]\n", 19, `${RULES}.l7[0].query_table`, "character"],
      [L7, "            l7proto: memcache\n            l7: [{ keyExact: a }]\n", 19, `${RULES}.l7[0].command`, "a key needs a command"],
      [L7, "            l7proto: memcache\n            l7: [{ command: fetch }]\n", 19, `${RULES}.l7[0].command`, "unknown value fetch"],
      [L7, "            l7proto: memcache\n            l7: [{ command: get, keyExact: a, keyPrefix: b }]\n", 19, `${RULES}.l7[0]`, "only one of"],
      [L7, "            memcached: [{ command: get, keyRegex: a }]\n", 18, `${RULES}.memcached[0].keyRegex`, "unknown field"],
      [L7, "            memcached: [{ keyExact: a, keyPattern: b }]\n", 18, `${RULES}.memcached[0]`, "only one of"],
      [L7, "            memcached: [{ keyExact: '' }]\n", 18, `${RULES}.memcached[0].keyExact`, "must not be empty"],
      [L7, "            cassandra: [{ action: drop-user, table: a.b }]\n", 18, `${RULES}.cassandra[0].action`, "names no table"],
      [L7, "            cassandra: [{ table: a, tablePattern: a }]\n", 18, `${RULES}.cassandra[0].tablePattern`, "cannot be combined"],
      [L7, "            grpc: [{ service: a/b }]\n", 18, `${RULES}.grpc[0].service`, "is no name"],
      [L7, "            grpc: [{ metadata: [a b c:] , methods: x }]\n", 18, `${RULES}.grpc[0].methods`, "did you mean method?"],
      // Deny rules.
      ["  ingress:", "  ingressDeny:", 17, "spec.ingressDeny[0].toPorts[0].rules", "no L7 part"],
      [`          rules:\n${L7}`, "          x: 1\n", 17, "spec.ingress[0].toPorts[0].x", "unknown field"],
    ],
  },
  {
    base: OUT,
    edits: [
      ["operator: In", "operator: Is", 10, "spec.endpointSelector.matchExpressions[0].operator", "must be In"],
      ["        operator: In\n", "", 9, "spec.endpointSelector.matchExpressions[0].operator", "is missing"],
      ["key: app", "key: a b", 9, "spec.endpointSelector.matchExpressions[0].key", "is no label key"],
      ["operator: In", "operator: Exists", 11, "spec.endpointSelector.matchExpressions[0].values", "must be left out"],
      ["values: [backend]", "values: []", 11, "spec.endpointSelector.matchExpressions[0].values", "must not be empty"],
      ["        values: [backend]\n", "", 9, "spec.endpointSelector.matchExpressions[0].values", "must not be empty"],
      ["values: [backend]", "values: backend", 11, "spec.endpointSelector.matchExpressions[0].values", "must be a list"],
      ["values: [backend]", "values: [1]", 11, "spec.endpointSelector.matchExpressions[0].values[0]", "must be a string"],
      ["key: app", "key: any:io.kubernetes.pod.namespace", 8, "spec.endpointSelector", "selects namespace backend, but the policy is in shop"],
      ["cidr: 10.0.0.0/8", "cidr: 10.0.0.0", 14, "spec.egress[0].toCIDRSet[0].cidr", "needs a length: 10.0.0.0/32"],
      ["- cidr: 10.0.0.0/8\n          except", "- except", 14, "spec.egress[0].toCIDRSet[0].cidr", "is missing"],
      ["cidr: 10.0.0.0/8", "cidrGroupRef: x", 14, "spec.egress[0].toCIDRSet[0].cidrGroupRef", "names a CiliumCIDRGroup"],
      ["cidr: 10.0.0.0/8", "cidrGroupSelector: {}", 14, "spec.egress[0].toCIDRSet[0].cidrGroupSelector", "names a CiliumCIDRGroup"],
      ["except: [10.1.0.0/16]", "except: [11.0.0.0/16]", 15, "spec.egress[0].toCIDRSet[0].except", "within the cidr"],
      ["except: [10.1.0.0/16]", "except: ['::/0']", 15, "spec.egress[0].toCIDRSet[0].except", "within the cidr"],
      ["except: [10.1.0.0/16]", "except: 10.1.0.0/16", 15, "spec.egress[0].toCIDRSet[0].except", "must be a list"],
      ["matchName: example.com", "matchName: exa mple.com", 17, "spec.egress[1].toFQDNs[0].matchName", "is no DNS name"],
      ["matchName: example.com", "matchName: '*.example.com'", 17, "spec.egress[1].toFQDNs[0].matchName", "is no DNS name"],
      ["matchName: example.com", "matchName: a..b", 17, "spec.egress[1].toFQDNs[0].matchName", "is no DNS name"],
      ["matchName: example.com", `matchName: ${"a.".repeat(130)}b`, 17, "spec.egress[1].toFQDNs[0].matchName", "longer than 255"],
      ["matchName: example.com", "matchPattern: '[a-z].com'", 17, "spec.egress[1].toFQDNs[0].matchPattern", "is no pattern of DNS names"],
      ["matchName: example.com", "matchPattern: ''", 17, "spec.egress[1].toFQDNs[0].matchPattern", "is no pattern"],
      ["- matchName: example.com", "- {}", 17, "spec.egress[1].toFQDNs[0].matchName", "exactly one of"],
      ["matchName: example.com", "matchName: a.b\n          matchPattern: '*'", 17, "spec.egress[1].toFQDNs[0].matchName", "exactly one of"],
      ["- toFQDNs:", "- toCIDR: [10.0.0.0/8]\n      toFQDNs:", 16, "spec.egress[1].toCIDR", "cannot be combined with toFQDNs"],
      ["- toServices:", "- toEndpoints: []\n      toServices:", 18, "spec.egress[2].toEndpoints", "cannot be combined with toServices"],
      ["serviceName: db", "serviceName: 1", 20, "spec.egress[2].toServices[0].k8sService.serviceName", "must be a string"],
      ["serviceName: db", "serviceName: DB", 20, "spec.egress[2].toServices[0].k8sService.serviceName", "is no Kubernetes name"],
      ["serviceName: db", "name: db", 20, "spec.egress[2].toServices[0].k8sService.name", "unknown field"],
      ["k8sService:\n            serviceName: db", "k8sServiceSelector: {}", 19, "spec.egress[2].toServices[0].k8sServiceSelector.selector", "is missing"],
      ["- k8sService:\n            serviceName: db", "- {}", 19, "spec.egress[2].toServices[0].k8sService", "exactly one of"],
      ["- toServices:", "- toNodes: []\n    - toServices:", 18, "spec.egress[2].toNodes", "selects nodes"],
      ["- toServices:", "- toGroups: [{ aws: {} }]\n    - toServices:", 18, "spec.egress[2].toGroups", "asks a cloud provider"],
      ["- toServices:", "- toRequires: []\n    - toServices:", 18, "spec.egress[2].toRequires", "no meaning"],
      ["- toServices:", "- fromEndpoints: []\n    - toServices:", 18, "spec.egress[2].fromEndpoints", "unknown field"],
      ["    - toEntities: [world]", "    - toFQDNs: []", 24, "spec.egressDeny[0].toFQDNs", "deny rules cannot name"],
      ["    - toEntities: [world]", "    - authentication: {}", 24, "spec.egressDeny[0].authentication", "no authentication"],
      ["[{ port: \"25\" }]", "[{ port: \"25\" }]\n          serverNames: [a]", 27, "spec.egressDeny[0].toPorts[0].serverNames", "no L7 part"],
      ["[{ port: \"5432\" }]", "[{ port: 53, endPort: 54 }]\n          rules: { dns: [] }", 22, "spec.egress[2].toPorts[0].ports[0].endPort", "cannot have port ranges"],
      ["[{ port: \"5432\" }]", "[{ port: 0 }]\n          rules: { dns: [] }", 22, "spec.egress[2].toPorts[0].ports", "port 0"],
      ["[{ port: \"5432\" }]", "[{ port: 53 }]\n          rules: { dns: [{ name: a }] }", 23, "spec.egress[2].toPorts[0].rules.dns[0].name", "unknown field"],
    ],
  },
  {
    base: CLUSTER,
    edits: [
      ["name: all", "name: all\n  namespace: x", 5, "metadata.namespace", "belongs to no namespace"],
      ["cilium.io/v2", "networking.k8s.io/v1", 1, "apiVersion", "must be cilium.io/v2"],
      ["endpointSelector: {}", "nodeSelector: {}", 6, "spec.nodeSelector", "not for sidecars"],
      ["endpointSelector: {}", "nodeSelector: {}", 6, "spec.endpointSelector", "is missing"],
    ],
  },
  {
    base: NETWORK,
    edits: [
      ["networking.k8s.io/v1", "cilium.io/v2", 1, "apiVersion", "must be networking.k8s.io/v1"],
      ["  podSelector: {}\n", "", 6, "spec.podSelector", "is missing"],
      ["[Ingress]", "[ingress]", 7, "spec.policyTypes[0]", "unknown value ingress"],
      ["cidr: 192.0.2.0/24", "cidr: 192.0.2.0/24\n            except: [10.0.0.0/8]", 15, "spec.ingress[0].from[1].ipBlock.except", "within the cidr"],
      ["cidr: 192.0.2.0/24", "cidrGroupRef: x", 14, "spec.ingress[0].from[1].ipBlock.cidrGroupRef", "unknown field"],
      ["- ipBlock:", "- podSelector: {}\n          ipBlock:", 14, "spec.ingress[0].from[1].ipBlock", "cannot be combined"],
      ["- ipBlock:\n            cidr: 192.0.2.0/24", "- {}", 13, "spec.ingress[0].from[1]", "must have a podSelector"],
      ["    - from:", "    - to: []\n      from:", 9, "spec.ingress[0].to", "unknown field"],
      ["protocol: TCP", "protocol: SMTP", 17, "spec.ingress[0].ports[0].protocol", "unknown value SMTP"],
      ["port: 5432", "port: 5432\n          endPort: 1", 17, "spec.ingress[0].ports[0].endPort", "from 5432"],
      ["  ingress:", "  ingressDeny: []\n  ingress:", 8, "spec.ingressDeny", "unknown field"],
      ["  ingress:", "  endpointSelector: {}\n  ingress:", 8, "spec.endpointSelector", "unknown field"],
    ],
  },
];
