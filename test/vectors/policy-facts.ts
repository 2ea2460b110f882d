// SPDX-License-Identifier: Apache-2.0
/**
 * Facts about CiliumNetworkPolicy as verdicts. Each group has policies (bodies of `spec`, or whole documents) and lines
 * `FROM > TO:PORT[/udp] [FAMILY WORDS] [{Header: value; ...}] = VERDICT`. Parties: `WORLD` below, labels, addresses.
 */
export interface Facts {
  readonly about: string;
  readonly specs?: readonly string[];
  readonly documents?: readonly string[];
  readonly options?: { readonly mode?: "default" | "always" | "never"; readonly allowLocalhost?: boolean };
  readonly lines: readonly string[];
}

/** Who there is in every group. */
export const WORLD = {
  endpoints: {
    backend: { labels: { app: "backend" }, address: "10.9.0.1", ports: { http: 8080, "http-alt": 8081 } },
    frontend: { labels: { app: "frontend", tier: "web" }, address: "10.9.0.2" },
    guest: { labels: { app: "guest" }, address: "10.9.0.3", ports: { http: 9090 } },
    db: { labels: { app: "db" }, address: "10.9.0.4" },
    elsewhere: { labels: { app: "frontend", "io.kubernetes.pod.namespace": "other" }, address: "10.9.0.5" },
    docker: { labels: { "container:app": "frontend" } },
    remote: { labels: { app: "frontend", "io.cilium.k8s.policy.cluster": "west" } },
    labelled: {
      labels: { app: "x", "io.kubernetes.pod.namespace": "team", "io.cilium.k8s.namespace.labels.tier": "gold" },
    },
  },
  services: [
    { name: "db", selector: { app: "db" }, labels: { kind: "store" } },
    { name: "outside", addresses: ["192.0.2.10", "192.0.2.11"], labels: { kind: "ext" } },
    { name: "db", namespace: "other", selector: { app: "guest" } },
  ],
  names: {
    "www.example.com": ["192.0.2.20"],
    "api.example.com": ["192.0.2.21"],
    "deep.api.example.com": ["192.0.2.22"],
    "example.org": ["192.0.2.23", "192.0.2.20"],
  },
} as const;

const TO = "endpointSelector: { matchLabels: { app: backend } }\n";
const FRONT = "fromEndpoints: [{ matchLabels: { app: frontend } }]";
const L7 = (rules: string, port = 80, protocol = "TCP"): string =>
  `toPorts: [{ ports: [{ port: '${port}', protocol: ${protocol} }], rules: { ${rules} } }]`;
const PORT = (...ports: (string | number)[]): string =>
  `toPorts: [{ ports: [${ports.map((port) => `{ port: '${port}' }`).join(", ")}] }]`;
const kafka = (rules: string): string => `${TO}ingress: [{ ${L7(`kafka: ${rules}`, 9092)} }]`;
const memcache = (rules: string): string => `${TO}ingress: [{ ${L7(`l7proto: memcache, l7: ${rules}`, 11211)} }]`;
const cassandra = (rules: string): string => `${TO}ingress: [{ ${L7(`l7proto: cassandra, l7: ${rules}`, 9042)} }]`;
const FROM = "endpointSelector: { matchLabels: { app: frontend } }\n";

export const FACTS: readonly Facts[] = [
  {
    about: "an endpoint that no policy selects is open; selection is per direction",
    specs: [`${TO}ingress: [{ ${FRONT} }]`],
    lines: [
      "frontend > backend:80 = allow",
      "guest > backend:80 = deny",
      "world > backend:80 = deny",
      "host > backend:80 = deny",
      "guest > frontend:80 = allow",
      "backend > guest:80 = allow",
      "backend > 192.0.2.1:443 = allow",
    ],
  },
  {
    about: "an empty rule puts into default deny and allows nothing",
    specs: [`${TO}ingress: [{}]`],
    lines: ["frontend > backend:80 = deny", "host > backend:80 = deny", "world > backend:80 = deny", "backend > db:1 = allow"],
  },
  {
    about: "egress: the same for what a workload sends",
    specs: [`${TO}egress: [{}]`],
    lines: ["backend > db:5432 = deny", "backend > world:80 = deny", "frontend > backend:80 = allow"],
  },
  {
    about: "both sides must allow",
    specs: [
      `${TO}ingress: [{ ${FRONT} }]`,
      `${FROM}egress: [{ toEndpoints: [{ matchLabels: { app: backend } }], ${PORT(80)} }]`,
    ],
    lines: [
      "frontend > backend:80 = allow",
      "frontend > backend:81 = deny",
      "frontend > db:80 = deny",
      "guest > backend:80 = deny",
    ],
  },
  {
    about: "an empty list selects nothing; no list and ports selects anyone",
    specs: [`${TO}ingress: [{ fromEndpoints: [], ${PORT(80)} }, { ${PORT(81)} }]`],
    lines: ["frontend > backend:80 = deny", "frontend > backend:81 = allow", "world > backend:81 = allow", "192.0.2.1 > backend:81 = allow"],
  },
  {
    about: "an empty list of entities or blocks selects nothing",
    specs: [`${TO}ingress: [{ fromEntities: [] }, { fromCIDR: [] }, { fromCIDRSet: [], ${PORT(80)} }]`],
    lines: ["world > backend:80 = deny", "192.0.2.1 > backend:80 = deny", "frontend > backend:80 = deny"],
  },
  {
    about: "rules of one policy and of several add up",
    specs: [
      `${TO}ingress: [{ ${FRONT}, ${PORT(80)} }, { fromEndpoints: [{ matchLabels: { app: guest } }], ${PORT(81)} }]`,
      `${TO}ingress: [{ fromEndpoints: [{ matchLabels: { app: guest } }], ${PORT(82)} }]`,
    ],
    lines: [
      "frontend > backend:80 = allow",
      "frontend > backend:81 = deny",
      "guest > backend:80 = deny",
      "guest > backend:81 = allow",
      "guest > backend:82 = allow",
    ],
  },
  {
    about: "selectors: labels, expressions, sources",
    specs: [
      `${TO}ingress: [
        { fromEndpoints: [{ matchLabels: { app: frontend, tier: web } }], ${PORT(1)} },
        { fromEndpoints: [{ matchLabels: { app: frontend, tier: db } }], ${PORT(2)} },
        { fromEndpoints: [{ matchExpressions: [{ key: app, operator: In, values: [guest, db] }] }], ${PORT(3)} },
        { fromEndpoints: [{ matchExpressions: [{ key: app, operator: NotIn, values: [guest, db] }] }], ${PORT(4)} },
        { fromEndpoints: [{ matchExpressions: [{ key: tier, operator: Exists }] }], ${PORT(5)} },
        { fromEndpoints: [{ matchExpressions: [{ key: tier, operator: DoesNotExist }] }], ${PORT(6)} },
        { fromEndpoints: [{ matchLabels: { 'k8s:app': frontend } }], ${PORT(7)} },
        { fromEndpoints: [{ matchLabels: { 'any:app': frontend } }], ${PORT(8)} },
        { fromEndpoints: [{ matchLabels: { 'container:app': frontend } }], ${PORT(9)} },
        { fromEndpoints: [{}], ${PORT(10)} }]`,
    ],
    lines: [
      "frontend > backend:1 = allow",
      "frontend > backend:2 = deny",
      "guest > backend:3 = allow",
      "frontend > backend:3 = deny",
      "frontend > backend:4 = allow",
      "guest > backend:4 = deny",
      "frontend > backend:5 = allow",
      "guest > backend:5 = deny",
      "guest > backend:6 = allow",
      "frontend > backend:6 = deny",
      "frontend > backend:7 = allow",
      "docker > backend:7 = deny",
      "docker > backend:8 = allow",
      "docker > backend:9 = allow",
      "frontend > backend:9 = deny",
      "guest > backend:10 = allow",
      "elsewhere > backend:10 = deny",
      "world > backend:10 = deny",
      "host > backend:10 = deny",
    ],
  },
  {
    about: "a policy of a namespace speaks of that namespace unless a selector names another",
    specs: [
      `${TO}ingress: [
        { ${FRONT}, ${PORT(1)} },
        { fromEndpoints: [{ matchLabels: { app: frontend, 'k8s:io.kubernetes.pod.namespace': other } }], ${PORT(2)} },
        { fromEndpoints: [{ matchLabels: { io.kubernetes.pod.namespace: other } }], ${PORT(3)} },
        { fromEndpoints: [{ matchExpressions: [{ key: 'k8s:io.kubernetes.pod.namespace', operator: Exists }] }], ${PORT(4)} },
        { fromEndpoints: [{ matchLabels: { io.cilium.k8s.namespace.labels.tier: gold } }], ${PORT(5)} },
        { fromEndpoints: [{ matchLabels: { io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name: other } }], ${PORT(6)} }]`,
    ],
    lines: [
      "frontend > backend:1 = allow",
      "elsewhere > backend:1 = deny",
      "elsewhere > backend:2 = allow",
      "frontend > backend:2 = deny",
      "elsewhere > backend:3 = allow",
      "guest > backend:3 = deny",
      "elsewhere > backend:4 = allow",
      "guest > backend:4 = allow",
      "world > backend:4 = deny",
      "labelled > backend:5 = allow",
      "frontend > backend:5 = deny",
      "elsewhere > backend:6 = allow",
      "frontend > backend:6 = deny",
    ],
  },
  {
    about: "a policy of the whole cluster selects in every namespace; its empty peer selector is every workload",
    documents: [
      `apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: { name: all }
spec:
  endpointSelector: { matchLabels: { app: frontend } }
  ingress: [{ fromEndpoints: [{}] }]`,
    ],
    lines: [
      "guest > frontend:80 = allow",
      "guest > elsewhere:80 = allow",
      "elsewhere > frontend:80 = allow",
      "world > elsewhere:80 = deny",
      "host > frontend:80 = deny",
      "world > backend:80 = allow",
    ],
  },
  {
    about: "entities",
    specs: [
      `${TO}ingress: [
        ${["all", "world", "cluster", "cluster-mesh", "host", "init", "ingress", "unmanaged", "remote-node", "health", "none", "kube-apiserver"]
          .map((name, i) => `{ fromEntities: [${name}], ${PORT(i + 1)} }`)
          .join(",\n        ")}]`,
    ],
    lines: [
      "world > backend:1 = allow",
      "guest > backend:1 = allow",
      "world > backend:2 = allow",
      "world-ipv4 > backend:2 = allow",
      "192.0.2.1 > backend:2 = allow",
      "guest > backend:2 = deny",
      "host > backend:2 = deny",
      "guest > backend:3 = allow",
      "elsewhere > backend:3 = allow",
      "host > backend:3 = allow",
      "remote-node > backend:3 = allow",
      "kube-apiserver > backend:3 = allow",
      "world > backend:3 = deny",
      "remote > backend:3 = deny",
      "remote > backend:4 = allow",
      "guest > backend:4 = allow",
      "world > backend:4 = deny",
      "host > backend:5 = allow",
      "remote-node > backend:5 = deny",
      "guest > backend:5 = deny",
      "init > backend:6 = allow",
      "guest > backend:6 = deny",
      "ingress > backend:7 = allow",
      "unmanaged > backend:8 = allow",
      "remote-node > backend:9 = allow",
      "kube-apiserver > backend:9 = allow",
      "host > backend:9 = deny",
      "health > backend:10 = allow",
      "world > backend:11 = deny",
      "guest > backend:11 = deny",
      "kube-apiserver > backend:12 = allow",
      "remote-node > backend:12 = deny",
    ],
  },
  {
    about: "reserved labels select what they name",
    specs: [`${TO}ingress: [{ fromEndpoints: [{ matchLabels: { 'reserved:host': '' } }, { matchLabels: { 'reserved:health': '' } }] }]`],
    lines: ["host > backend:80 = allow", "health > backend:80 = allow", "world > backend:80 = deny"],
  },
  {
    about: "blocks match addresses outside, with exceptions, and neither workloads nor nodes",
    specs: [
      `${TO}ingress: [
        { fromCIDR: [10.0.0.0/8], ${PORT(1)} },
        { fromCIDRSet: [{ cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.2.3.4/32] }], ${PORT(2)} },
        { fromCIDR: [192.0.2.7], ${PORT(3)} },
        { fromCIDR: ['0.0.0.0/0'], ${PORT(4)} },
        { fromCIDR: ['2001:db8::/32'], ${PORT(5)} },
        { fromCIDR: ['::/0'], ${PORT(6)} }]`,
    ],
    lines: [
      "10.1.2.3 > backend:1 = allow",
      "11.0.0.1 > backend:1 = deny",
      "frontend > backend:1 = deny",
      "10.9.0.2 > backend:1 = deny",
      "host > backend:1 = deny",
      "10.3.0.1 > backend:2 = allow",
      "10.1.0.1 > backend:2 = deny",
      "10.2.3.4 > backend:2 = deny",
      "10.2.3.5 > backend:2 = allow",
      "192.0.2.7 > backend:3 = allow",
      "192.0.2.8 > backend:3 = deny",
      "203.0.113.9 > backend:4 = allow",
      "2001:db8::1 > backend:4 = deny",
      "frontend > backend:4 = deny",
      "2001:db8::1 > backend:5 = allow",
      "2001:db9::1 > backend:5 = deny",
      "2001:db9::1 > backend:6 = allow",
      "203.0.113.9 > backend:6 = deny",
    ],
  },
  {
    about: "services: workloads behind them, addresses behind them, by name or labels",
    specs: [
      `${TO}egress: [
        { toServices: [{ k8sService: { serviceName: db } }], ${PORT(1)} },
        { toServices: [{ k8sService: { serviceName: db, namespace: other } }], ${PORT(2)} },
        { toServices: [{ k8sServiceSelector: { selector: { matchLabels: { kind: ext } } } }], ${PORT(3)} },
        { toServices: [{ k8sService: { serviceName: missing } }], ${PORT(4)} }]`,
    ],
    lines: [
      "backend > db:1 = allow",
      "backend > guest:1 = deny",
      "backend > guest:2 = deny",
      "backend > 192.0.2.10:3 = allow",
      "backend > 192.0.2.12:3 = deny",
      "backend > db:3 = deny",
      "backend > db:4 = deny",
    ],
  },
  {
    about: "names: addresses that DNS gave for them",
    specs: [
      `${TO}egress: [
        { toFQDNs: [{ matchName: www.example.com }], ${PORT(1)} },
        { toFQDNs: [{ matchPattern: '*.example.com' }], ${PORT(2)} },
        { toFQDNs: [{ matchPattern: '**.example.com' }], ${PORT(3)} },
        { toFQDNs: [{ matchPattern: '*' }], ${PORT(4)} },
        { toCIDR: [192.0.2.0/24], ${PORT(5)} }]`,
    ],
    lines: [
      "backend > 192.0.2.20:1 = allow",
      "backend > 192.0.2.21:1 = deny",
      "backend > 192.0.2.21:2 = allow",
      "backend > 192.0.2.22:2 = deny",
      "backend > 192.0.2.22:3 = allow",
      "backend > 192.0.2.23:3 = deny",
      "backend > 192.0.2.23:4 = allow",
      "backend > 192.0.2.24:4 = deny",
      "backend > 192.0.2.20:5 = allow",
      "backend > 192.0.2.24:5 = allow",
      "backend > 198.51.100.1:5 = deny",
    ],
  },
  {
    about: "ports: numbers, ranges, 0 for all, protocols",
    specs: [
      `${TO}ingress: [
        { fromEndpoints: [{ matchLabels: { app: frontend } }], toPorts: [{ ports: [{ port: '80', endPort: 90 }, { port: '443' }] }] },
        { fromEndpoints: [{ matchLabels: { app: guest } }], toPorts: [{ ports: [{ port: '0' }] }] },
        { fromEndpoints: [{ matchLabels: { app: db } }], toPorts: [{ ports: [{ port: '53', protocol: UDP }, { port: '80', protocol: TCP }] }] }]`,
    ],
    lines: [
      "frontend > backend:79 = deny",
      "frontend > backend:80 = allow",
      "frontend > backend:90 = allow",
      "frontend > backend:91 = deny",
      "frontend > backend:443 = allow",
      "frontend > backend:443/udp = allow",
      "guest > backend:1 = allow",
      "guest > backend:65535 = allow",
      "db > backend:53/udp = allow",
      "db > backend:53 = deny",
      "db > backend:80 = allow",
      "db > backend:80/udp = deny",
    ],
  },
  {
    about: "named ports are the receiving endpoint's own",
    specs: [
      `${TO}ingress: [{ toPorts: [{ ports: [{ port: HTTP }] }] }]`,
      `${FROM}egress: [{ toPorts: [{ ports: [{ port: http }] }] }]`,
    ],
    lines: [
      "guest > backend:8080 = allow",
      "guest > backend:8081 = deny",
      "guest > backend:9090 = deny",
      "frontend > guest:9090 = allow",
      "frontend > guest:8080 = deny",
      "frontend > db:9090 = deny",
      "frontend > backend:8080 = allow",
    ],
  },
  {
    about: "deny beats allow, whatever is more specific",
    specs: [
      `${TO}ingress: [{ fromEntities: [all] }]
ingressDeny: [{ fromEndpoints: [{ matchLabels: { app: guest } }], ${PORT(80)} }, { fromEntities: [world] }]`,
      `${TO}ingress: [{ fromEndpoints: [{ matchLabels: { app: guest } }], ${PORT(80)} }]`,
    ],
    lines: [
      "guest > backend:80 = deny",
      "guest > backend:81 = allow",
      "frontend > backend:80 = allow",
      "world > backend:80 = deny",
      "192.0.2.1 > backend:80 = deny",
    ],
  },
  {
    about: "a deny rule on a range overrides an L7 allow on one of its ports",
    specs: [
      `${TO}ingress: [{ ${L7("http: [{ path: /allowed }]")} }]`,
      `${TO}ingressDeny: [{ toPorts: [{ ports: [{ port: '80', endPort: 10000 }] }] }]`,
    ],
    lines: ["guest > backend:80 http GET /allowed = deny"],
  },
  {
    about: "deny rules alone put into default deny; an empty one denies nobody in particular",
    specs: [`${TO}ingressDeny: [{ fromEntities: [world] }]`],
    lines: ["world > backend:80 = deny", "frontend > backend:80 = deny"],
  },
  {
    about: "the table of Cilium's deny documentation: L3 and L4 allow and deny",
    specs: [
      `${TO}ingress: [{ ${FRONT} }, { ${PORT(80)} }, { ${PORT(81)} }]`,
      `${TO}ingressDeny: [{ ${PORT(80)} }]`,
    ],
    lines: ["frontend > backend:81 = allow", "frontend > backend:80 = deny", "frontend > backend:7 = allow", "guest > backend:81 = allow", "guest > backend:7 = deny"],
  },
  {
    about: "enableDefaultDeny: false only adds",
    specs: [`${TO}enableDefaultDeny: { ingress: false }\ningress: [{ ${FRONT}, ${PORT(80)} }]`],
    lines: ["frontend > backend:80 = allow", "guest > backend:80 = allow", "world > backend:1 = allow"],
  },
  {
    about: "one policy that asks for default deny is enough",
    specs: [
      `${TO}enableDefaultDeny: { ingress: false }\ningress: [{ ${FRONT}, ${PORT(80)} }]`,
      `${TO}ingress: [{ fromEntities: [host] }]`,
    ],
    lines: ["frontend > backend:80 = allow", "guest > backend:80 = deny", "host > backend:80 = allow"],
  },
  {
    about: "deny rules hold without default deny",
    specs: [`${TO}enableDefaultDeny: { ingress: false }\ningressDeny: [{ fromEndpoints: [{ matchLabels: { app: guest } }] }]`],
    lines: ["guest > backend:80 = deny", "frontend > backend:80 = allow", "world > backend:80 = allow"],
  },
  {
    about: "without default deny L7 rules only observe, even beside a policy that denies by default",
    specs: [
      `${TO}enableDefaultDeny: { ingress: false }\ningress: [{ ${FRONT}, ${L7("http: [{ path: /a }]")} }]`,
      `${TO}ingress: [{ fromEntities: [host] }]`,
    ],
    lines: ["frontend > backend:80 http GET /b = allow", "guest > backend:80 http GET /a = deny"],
  },
  {
    about: "default deny for a direction without rules, when it is asked for",
    specs: [`${TO}enableDefaultDeny: { egress: true }\ningress: [{ ${FRONT} }]`],
    lines: ["frontend > backend:80 = allow", "backend > db:1 = deny"],
  },
  {
    about: "mode always: everybody is restricted",
    options: { mode: "always" },
    specs: [`${TO}ingress: [{ ${FRONT} }]`],
    lines: ["frontend > backend:80 = deny", "world > guest:80 = deny", "world > backend:80 = deny"],
  },
  {
    about: "mode never: nobody is",
    options: { mode: "never" },
    specs: [`${TO}ingressDeny: [{ fromEntities: [all] }]`],
    lines: ["guest > backend:80 = allow", "world > backend:80 = allow"],
  },
  {
    about: "the host reaches its workloads where localhost is allowed, unless a rule denies it",
    options: { allowLocalhost: true },
    specs: [
      `${TO}ingress: [{ ${L7("http: [{ path: /a }]")} }]`,
      `endpointSelector: { matchLabels: { app: guest } }\ningressDeny: [{ fromEntities: [host] }]`,
    ],
    lines: ["host > backend:80 http GET /x = allow", "host > backend:81 = allow", "world > backend:81 = deny", "host > guest:80 = deny"],
  },
  {
    about: "L3 AND L4 AND L7 within a rule, OR between rules",
    specs: [
      `${TO}ingress: [
        { ${FRONT}, ${L7("http: [{ method: GET, path: /a }, { method: PUT, path: /b }]")} },
        { fromEndpoints: [{ matchLabels: { app: guest } }], ${L7("http: [{ method: GET, path: /g }]")} }]`,
    ],
    lines: [
      "frontend > backend:80 http GET /a = allow",
      "frontend > backend:80 http PUT /b = allow",
      "frontend > backend:80 http PUT /a = deny",
      "frontend > backend:80 http GET /g = deny",
      "guest > backend:80 http GET /g = allow",
      "guest > backend:80 http GET /a = deny",
      "db > backend:80 http GET /a = deny",
      "frontend > backend:81 http GET /a = deny",
      "frontend > backend:80 = inspect",
      "db > backend:80 = deny",
    ],
  },
  {
    about: "a rule without L7 on the same port and peer makes the L7 part moot",
    specs: [
      `${TO}ingress: [{ ${L7("http: [{ path: /a }]")} }]`,
      `${TO}ingress: [{ fromEndpoints: [{ matchLabels: { app: guest } }], ${PORT(80)} }]`,
    ],
    lines: ["guest > backend:80 http GET /b = allow", "frontend > backend:80 http GET /b = deny", "frontend > backend:80 http GET /a = allow"],
  },
  {
    about: "an L3 rule for every port does so too",
    specs: [`${TO}ingress: [{ ${L7("http: [{ path: /a }]")} }, { fromEntities: [host] }]`],
    lines: ["host > backend:80 http GET /b = allow", "frontend > backend:80 http GET /b = deny"],
  },
  {
    about: "no entry allows nothing, an empty entry everything, empty rules are no L7 part",
    specs: [
      `${TO}ingress: [{ ${L7("http: []", 1)} }, { ${L7("http: [{}]", 2)} }, { ${L7("", 3)} }]`,
    ],
    lines: ["guest > backend:1 http GET / = deny", "guest > backend:2 http GET / = allow", "guest > backend:3 = allow"],
  },
  {
    about: "HTTP patterns match the whole field; the query is part of the path; letter case counts",
    specs: [
      `${TO}ingress: [
        { ${L7("http: [{ path: /status }]", 1)} }, { ${L7("http: [{ path: '/status.*' }]", 2)} },
        { ${L7("http: [{ method: 'GET|HEAD' }]", 3)} }, { ${L7("http: [{ host: foo.bar.com }]", 4)} },
        { ${L7("http: [{ path: '^/a$' }]", 5)} }, { ${L7("http: [{ path: '.*public$' }]", 6)} }]`,
    ],
    lines: [
      "guest > backend:1 http GET /status = allow",
      "guest > backend:1 http GET /status/1 = deny",
      "guest > backend:1 http GET /x/status = deny",
      "guest > backend:1 http GET /status?a=1 = deny",
      "guest > backend:1 http GET /Status = deny",
      "guest > backend:2 http GET /status/1 = allow",
      "guest > backend:2 http GET /status?a=1 = allow",
      "guest > backend:3 http GET / = allow",
      "guest > backend:3 http HEAD / = allow",
      "guest > backend:3 http POST / = deny",
      "guest > backend:3 http GETX / = deny",
      "guest > backend:3 http get / = deny",
      "guest > backend:4 http GET / {Host: foo.bar.com} = allow",
      "guest > backend:4 http GET / {Host: foo.bar.com:8080} = allow",
      "guest > backend:4 http GET / {Host: fooXbar.com} = allow",
      "guest > backend:4 http GET / {Host: foo.bar.org} = deny",
      "guest > backend:4 http GET / {Host: www.foo.bar.com} = deny",
      "guest > backend:5 http GET /a = allow",
      "guest > backend:5 http GET /ab = deny",
      "guest > backend:6 http GET /maybe/public = allow",
      "guest > backend:6 http GET /publicz = deny",
    ],
  },
  {
    about: "HTTP headers: presence, exact value, names without letter case",
    specs: [
      `${TO}ingress: [
        { ${L7("http: [{ headers: ['X-A'] }]", 1)} }, { ${L7("http: [{ headers: ['X-A: two words'] }]", 2)} },
        { ${L7("http: [{ headers: ['X-A: 1', 'X-B'] }]", 3)} }, { ${L7("http: [{ headerMatches: [{ name: X-A, value: '1' }] }]", 4)} },
        { ${L7("http: [{ headerMatches: [{ name: X-A }] }]", 5)} }, { ${L7("http: [{ headerMatches: [{ name: X-A, value: '1', mismatch: LOG }] }]", 6)} }]`,
    ],
    lines: [
      "guest > backend:1 http GET / {x-a: 7} = allow",
      "guest > backend:1 http GET / = deny",
      "guest > backend:1 http GET / {x-ab: 7} = deny",
      "guest > backend:2 http GET / {X-A: two words} = allow",
      "guest > backend:2 http GET / {X-A: two} = deny",
      "guest > backend:2 http GET / {X-A: Two words} = deny",
      "guest > backend:3 http GET / {X-A: 1; X-B: 9} = allow",
      "guest > backend:3 http GET / {X-A: 1} = deny",
      "guest > backend:4 http GET / {X-A: 1} = allow",
      "guest > backend:4 http GET / {X-A: 2} = deny",
      "guest > backend:4 http GET / = deny",
      "guest > backend:5 http GET / {X-A: anything} = allow",
      "guest > backend:5 http GET / = deny",
      "guest > backend:6 http GET / {X-A: 2} = allow",
      "guest > backend:6 http GET / = allow",
    ],
  },
  {
    about: "the proxy's own integration test, allow rules on one port",
    specs: [
      `${TO}ingress: [{ ${L7("http: [{ path: /allowed }, { path: '.*public$' }, { host: allowedHOST }, { host: '.*REGEX.*' }, { method: PUT, path: /public/opinions }]")} }]`,
      `${TO}ingress: [{ ${FRONT}, ${L7("http: [{ path: /only-2-allowed }]")} }]`,
    ],
    lines: [
      "guest > backend:80 http GET /prefix = deny",
      "guest > backend:80 http GET /allowed = allow",
      "guest > backend:80 http GET /maybe/public = allow",
      "guest > backend:80 http GET /maybe/private = deny",
      "guest > backend:80 http GET /maybe/private {Host: allowedHOST} = allow",
      "guest > backend:80 http GET /maybe/private {Host: hostREGEXname} = allow",
      "guest > backend:80 http POST /maybe/private = deny",
      "guest > backend:80 http PUT /public/opinions = allow",
      "guest > backend:80 http GET /only-2-allowed = deny",
      "frontend > backend:80 http GET /only-2-allowed = allow",
    ],
  },
  {
    about: "gRPC calls are POSTs to /package.Service/Method",
    specs: [
      `${TO}ingress: [
        { ${L7("http: [{ method: POST, path: /pkg.Service/Method }]", 1)} },
        { ${L7("grpc: [{ service: pkg.Service, method: Method }]", 2)} },
        { ${L7("grpc: [{ service: 'pkg.*', method: 'Get*', metadata: ['x-team: a'] }]", 3)} },
        { ${L7("grpc: [{}]", 4)} }]`,
      `${TO}ingress: [{ ${L7("http: [{ path: /health }]", 2)} }]`,
    ],
    lines: [
      "guest > backend:1 grpc pkg.Service/Method = allow",
      "guest > backend:1 grpc pkg.Service/Other = deny",
      "guest > backend:2 grpc pkg.Service/Method = allow",
      "guest > backend:2 grpc pkgXService/Method = deny",
      "guest > backend:2 http GET /pkg.Service/Method = deny",
      "guest > backend:2 http GET /health = allow",
      "guest > backend:3 grpc pkg.Any/GetThis {x-team: a} = allow",
      "guest > backend:3 grpc pkg.Any/GetThis {x-team: b} = deny",
      "guest > backend:3 grpc pkg.Any/SetThis {x-team: a} = deny",
      "guest > backend:3 grpc other.Any/GetThis {x-team: a} = deny",
      "guest > backend:4 grpc any.Thing/AtAll = allow",
      "guest > backend:4 http GET /any.Thing/AtAll = deny",
      "guest > backend:4 http POST /three/parts/here = deny",
    ],
  },
  {
    about: "families that disagree on one port and peer leave nothing allowed",
    specs: [
      `${TO}ingress: [{ ${L7("http: [{}]")} }]`,
      `${TO}ingress: [{ ${FRONT}, ${L7("kafka: [{}]")} }]`,
    ],
    lines: ["guest > backend:80 http GET / = allow", "frontend > backend:80 http GET / = deny", "frontend > backend:80 kafka produce a = deny"],
  },
  {
    about: "requests of another protocol than the port's are denied",
    specs: [`${TO}ingress: [{ ${L7("http: [{}]")} }]`],
    lines: ["guest > backend:80 memcached get a = deny", "guest > backend:80 http GET / = allow"],
  },
  {
    about: "Kafka: roles, keys, versions, clients",
    specs: [
      `${TO}ingress: [
        { ${L7("kafka: [{ role: produce }]", 1)} }, { ${L7("kafka: [{ role: Consume }]", 2)} },
        { ${L7("kafka: [{ apiKey: Produce, clientID: ABC }]", 3)} }, { ${L7("kafka: [{ apiVersion: '3' }]", 4)} },
        { ${L7("kafka: [{ apiKey: metadata }, { apiKey: apiversions }]", 5)} }, { ${L7("kafka: []", 6)} }]`,
    ],
    lines: [
      ...["produce t", "metadata t", "apiversions"].map((request) => `guest > backend:1 kafka ${request} = allow`),
      ...["fetch t", "createtopics t", "heartbeat"].map((request) => `guest > backend:1 kafka ${request} = deny`),
      ...["fetch t", "offsets t", "metadata", "offsetcommit t", "offsetfetch t", "findcoordinator", "joingroup", "heartbeat", "leavegroup", "syncgroup", "apiversions"].map(
        (request) => `guest > backend:2 kafka ${request} = allow`,
      ),
      "guest > backend:2 kafka produce t = deny",
      "guest > backend:3 kafka produce EF GH client=ABC = allow",
      "guest > backend:3 kafka produce EF GH client=ABCD = deny",
      "guest > backend:3 kafka fetch EF client=ABC = deny",
      "guest > backend:4 kafka produce EF version=3 = allow",
      "guest > backend:4 kafka produce EF version=0 = deny",
      "guest > backend:5 kafka apiversions = allow",
      "guest > backend:5 kafka createtopics t = deny",
      "guest > backend:6 kafka produce t = deny",
    ],
  },
  {
    about: "Kafka frame F (Produce v3, client ABC, topics EF and GH)",
    documents: [
      ["topic: EF", 1],
      ["topic: EF }, { topic: GH", 2],
      ["topic: EF, clientID: ABC }, { topic: GH", 3],
      ["topic: EF, clientID: ABCD }, { topic: GH", 4],
      ["clientID: ABC", 5],
      ["apiKey: produce, clientID: ABC", 6],
      ["apiKey: fetch", 7],
      ["apiVersion: '3'", 8],
      ["apiVersion: '0'", 9],
    ].map(
      ([rules, port]) =>
        `apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: { name: f }\nspec: { endpointSelector: { matchLabels: { app: backend } }, ingress: [{ ${L7(`kafka: [{ ${rules} }]`, Number(port))} }] }`,
    ),
    lines: [
      "guest > backend:1 kafka produce EF GH client=ABC version=3 = deny",
      "guest > backend:2 kafka produce EF GH client=ABC version=3 = allow",
      "guest > backend:3 kafka produce EF GH client=ABC version=3 = allow",
      "guest > backend:4 kafka produce EF GH client=ABC version=3 = deny",
      "guest > backend:5 kafka produce EF GH client=ABC version=3 = allow",
      "guest > backend:6 kafka produce EF GH client=ABC version=3 = allow",
      "guest > backend:7 kafka produce EF GH client=ABC version=3 = deny",
      "guest > backend:8 kafka produce EF GH client=ABC version=3 = allow",
      "guest > backend:9 kafka produce EF GH client=ABC version=3 = deny",
    ],
  },
  {
    about: "Kafka topics: the rules together must cover every topic; a request for all topics names none",
    specs: [kafka("[{ topic: foo }, { topic: baz }]")],
    lines: [
      "guest > backend:9092 kafka produce foo = allow",
      "guest > backend:9092 kafka produce foo baz = allow",
      "guest > backend:9092 kafka produce foo bar = deny",
      "guest > backend:9092 kafka produce foobar = deny",
      "guest > backend:9092 kafka metadata = deny",
      "guest > backend:9092 kafka createtopics foo = allow",
      "guest > backend:9092 kafka heartbeat = allow",
      "guest > backend:9092 kafka apiversions = allow",
    ],
  },
  {
    about: "Kafka topic prefixes (sockmesh's own)",
    specs: [kafka("[{ role: produce, topicPrefix: team-a. }]")],
    lines: [
      "guest > backend:9092 kafka produce team-a.x team-a.y = allow",
      "guest > backend:9092 kafka produce team-a.x team-b.y = deny",
      "guest > backend:9092 kafka produce team-a = deny",
    ],
  },
  {
    about: "Kafka topics by id (sockmesh's own): an id is no name",
    specs: [kafka("[{ role: consume, topicID: MkTkSCSCQ2-9e3hJgBGhbw }, { role: consume, topicPrefix: Mk }]")],
    lines: [
      "guest > backend:9092 kafka fetch #MkTkSCSCQ2-9e3hJgBGhbw = allow",
      "guest > backend:9092 kafka fetch #MkTkSCSCQ2-9e3hJgBGhbw Mkx = allow",
      "guest > backend:9092 kafka fetch #MkTkSCSCQ2-9e3hJgBGhbx = deny",
      "guest > backend:9092 kafka produce #MkTkSCSCQ2-9e3hJgBGhbw = deny",
    ],
  },
  {
    about: "Kafka: keys add up, others are denied; a role with a topic",
    specs: [
      `${TO}ingress: [{ ${L7("kafka: [{ apiKey: metadata }, { apiKey: apiversions }]", 1)} }, { ${L7("kafka: []", 2)} }, { ${L7("kafka: [{}]", 3)} }, { ${L7("kafka: [{ topic: foo }, { topic: bar }]", 4)} }, { ${L7("kafka: [{ topic: bar }, { topic: foo }, { topic: baz }]", 5)} }]`,
    ],
    lines: [
      "guest > backend:1 kafka apiversions = allow",
      "guest > backend:1 kafka createtopics t = deny",
      "guest > backend:2 kafka produce foo bar = deny",
      "guest > backend:3 kafka produce foo bar = allow",
      "guest > backend:4 kafka produce foo bar = allow",
      "guest > backend:5 kafka produce foo bar = allow",
      "guest > backend:5 kafka deletetopics other = deny",
      "guest > backend:5 kafka addpartitionstotxn foo other = deny",
    ],
  },
  {
    about: "memcached: commands, groups, keys",
    specs: [
      memcache("[{ command: get, keyPrefix: user. }, { command: set, keyExact: key }, { command: gat }, { command: touch, keyExact: key }, { command: incr, keyExact: otherKey }]"),
      `${TO}ingress: [{ ${L7("l7proto: memcache, l7: [{ command: get, keyRegex: '^.el.o$' }]", 1)} }, { ${L7("l7proto: memcache, l7: [{ command: get, keyRegex: 'el' }]", 2)} }, { ${L7("l7proto: memcache, l7: [{ command: storage }]", 3)} }, { ${L7("l7proto: memcache, l7: [{ command: writeGroup }]", 4)} }, { ${L7("l7proto: memcache, l7: [{}]", 5)} }]`,
    ],
    lines: [
      "guest > backend:11211 memcached get user.1 = allow",
      "guest > backend:11211 memcached gets user.1 = allow",
      "guest > backend:11211 memcached get user.1 user.2 = allow",
      "guest > backend:11211 memcached get user.1 other = deny",
      "guest > backend:11211 memcached set key 0 0 5 = allow",
      "guest > backend:11211 memcached set trolo 0 0 5 = deny",
      "guest > backend:11211 memcached gat 5 key1 key2 key3 = allow",
      "guest > backend:11211 memcached touch key 55 = allow",
      "guest > backend:11211 memcached incr key 5 = deny",
      "guest > backend:11211 memcached flush_all 15 = deny",
      "guest > backend:1 memcached get Hello = allow",
      "guest > backend:1 memcached get xHello = deny",
      "guest > backend:2 memcached get xHello = allow",
      "guest > backend:2 memcached get world = deny",
      ...["add", "set", "replace", "append", "prepend"].map((command) => `guest > backend:3 memcached ${command} k 0 0 1 = allow`),
      "guest > backend:3 memcached cas k 0 0 1 7 = allow",
      "guest > backend:3 memcached delete k = deny",
      "guest > backend:4 memcached delete k = allow",
      "guest > backend:4 memcached touch k 1 = allow",
      "guest > backend:4 memcached get k = deny",
      "guest > backend:5 memcached set k 0 0 1 = allow",
      "guest > backend:5 memcached flush_all = allow",
    ],
  },
  {
    about: "memcached, the typed section: patterns match the whole key, groups hold the meta commands",
    specs: [
      `${TO}ingress: [{ ${L7("memcached: [{ command: read, keyPattern: 'user\\.[0-9]+' }]", 1)} }, { ${L7("memcached: [{ command: write, keyPrefix: tmp. }]", 2)} }]`,
    ],
    lines: [
      "guest > backend:1 memcached get user.7 = allow",
      "guest > backend:1 memcached get xuser.7 = deny",
      "guest > backend:1 memcached mg user.7 v = allow",
      "guest > backend:1 memcached mg user.7 v T30 = deny",
      "guest > backend:1 memcached set user.7 0 0 1 = deny",
      "guest > backend:2 memcached md tmp.1 = allow",
      "guest > backend:2 memcached delete tmp.1 = allow",
      "guest > backend:2 memcached delete x = deny",
    ],
  },
  {
    about: "Cassandra: actions exact, tables found anywhere; what is no query passes; use is never denied",
    specs: [
      cassandra("[{ query_action: select, query_table: 'db1.*' }]"),
      `${TO}ingress: [{ ${L7("l7proto: cassandra, l7: [{ query_table: '^db4\\.t1$' }]", 1)} }, { ${L7("l7proto: cassandra, l7: [{ query_table: no-match }]", 2)} }, { ${L7("l7proto: cassandra, l7: []", 3)} }]`,
    ],
    lines: [
      "guest > backend:9042 cassandra select db1.t1 = allow",
      "guest > backend:9042 cassandra select xdb1.t1 = allow",
      "guest > backend:9042 cassandra select db2.t1 = deny",
      "guest > backend:9042 cassandra insert db1.t1 = deny",
      "guest > backend:9042 cassandra options = allow",
      "guest > backend:9042 cassandra startup = allow",
      "guest > backend:9042 cassandra use db5 = allow",
      "guest > backend:1 cassandra insert db4.t1 = allow",
      "guest > backend:1 cassandra create-table db4.t1 = allow",
      "guest > backend:1 cassandra update db4.t1 = allow",
      "guest > backend:1 cassandra select db4xt1 = deny",
      "guest > backend:1 cassandra select db4.t10 = deny",
      "guest > backend:1 cassandra list-users = deny",
      "guest > backend:2 cassandra select system.local = deny",
      "guest > backend:3 cassandra select system.local = deny",
    ],
  },
  {
    about: "Cassandra: statements on a table, as batches and prepared ones name them too",
    specs: [
      cassandra("[{ query_table: 'db3.*' }]"),
      `${TO}ingress: [{ ${L7("l7proto: cassandra, l7: [{ query_table: db4.t1 }]", 1)} }, { ${L7("l7proto: cassandra, l7: [{ query_table: db5.t1 }]", 2)} }]`,
    ],
    lines: [
      "guest > backend:9042 cassandra insert db3.t1 = allow",
      "guest > backend:9042 cassandra insert db4.t1 = deny",
      ...["create-table", "insert", "update", "drop-table", "truncate-table"].map((action) => `guest > backend:1 cassandra ${action} db4.t1 = allow`),
      // Where Cilium let it through: the table of TRUNCATE was not looked at.
      "guest > backend:1 cassandra truncate-table db5.secret = deny",
      "guest > backend:2 cassandra use db5 = allow",
      "guest > backend:2 cassandra insert db5.t1 = allow",
    ],
  },
  {
    about: "Cassandra, the typed section: the whole table",
    specs: [
      `${TO}ingress: [{ ${L7("cassandra: [{ action: select, table: db4.t1 }]", 1)} }, { ${L7("cassandra: [{ tablePattern: 'db4\\..*' }]", 2)} }]`,
    ],
    lines: [
      "guest > backend:1 cassandra select db4.t1 = allow",
      "guest > backend:1 cassandra select db4xt1 = deny",
      "guest > backend:1 cassandra insert db4.t1 = deny",
      "guest > backend:2 cassandra insert db4.t2 = allow",
      "guest > backend:2 cassandra insert xdb4.t2 = deny",
    ],
  },
  {
    about: "DNS: names that may be asked for, by port and protocol",
    specs: [
      `${TO}egress: [{ toEndpoints: [{ matchLabels: { app: db } }], toPorts: [
        { ports: [{ port: '53', protocol: UDP }], rules: { dns: [{ matchPattern: '*.ubuntu.com' }] } },
        { ports: [{ port: '53', protocol: TCP }], rules: { dns: [{ matchName: sub.ubuntu.com }] } },
        { ports: [{ port: '54', protocol: ANY }], rules: { dns: [{ matchPattern: '*' }] } }] }]`,
    ],
    lines: [
      "backend > db:53/udp dns www.ubuntu.com = allow",
      "backend > db:53/udp dns WWW.Ubuntu.com. = allow",
      "backend > db:53/udp dns ubuntu.com = deny",
      "backend > db:53 dns www.ubuntu.com = deny",
      "backend > db:53 dns sub.ubuntu.com = allow",
      "backend > db:54 dns anything.at.all = allow",
      "backend > db:54/udp dns . = allow",
      "backend > db:55/udp dns www.ubuntu.com = deny",
      "backend > guest:53/udp dns www.ubuntu.com = deny",
    ],
  },
  {
    about: "TLS: the server that a client names must be present and match one",
    specs: [
      `${TO}egress: [{ toEntities: [world], toPorts: [{ ports: [{ port: '443', protocol: TCP }], serverNames: [example.com, '*.example.org', 'sub.**.example.net'] }] }]`,
    ],
    lines: [
      "backend > world:443 tls EXaMpLE.COM = allow",
      "backend > world:443 tls www.example.com = deny",
      "backend > world:443 tls www.example.org = allow",
      "backend > world:443 tls a.b.example.org = deny",
      "backend > world:443 tls sub.foo.bar-007.example.net = allow",
      "backend > world:443 tls sub.example.net = deny",
      "backend > world:443 tls  = deny",
      "backend > world:80 tls example.com = deny",
    ],
  },
  {
    about: "a port rule without server names beside one with them opens the port",
    specs: [
      `${TO}egress: [{ toPorts: [{ ports: [{ port: '443', protocol: TCP }], serverNames: [a.test] }] }, { toEntities: [host], ${PORT(443)} }]`,
    ],
    lines: ["backend > host:443 tls b.test = allow", "backend > world:443 tls b.test = deny", "backend > world:443 tls a.test = allow"],
  },
  {
    about: "NetworkPolicy: selected pods are closed; an empty list of peers is everybody; ports default to TCP",
    documents: [
      `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: db }
spec:
  podSelector: { matchLabels: { app: backend } }
  ingress:
    - from:
        - podSelector: { matchLabels: { app: frontend } }
        - namespaceSelector: { matchLabels: { tier: gold } }
        - ipBlock: { cidr: 10.0.0.0/8, except: [10.1.0.0/16] }
      ports: [{ port: 5432 }, { port: 7000, endPort: 7010, protocol: TCP }]
    - ports: [{ port: 9100 }]
    - from: [{ namespaceSelector: {}, podSelector: { matchLabels: { app: frontend } } }]
      ports: [{ port: 1 }]
    - from: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: other } } }]
      ports: [{ port: 2 }]`,
    ],
    lines: [
      "frontend > backend:5432 = allow",
      "frontend > backend:5432/udp = deny",
      "guest > backend:5432 = deny",
      "elsewhere > backend:5432 = deny",
      "labelled > backend:5432 = allow",
      "10.2.0.1 > backend:5432 = allow",
      "10.1.0.1 > backend:5432 = deny",
      "frontend > backend:7005 = allow",
      "frontend > backend:7011 = deny",
      "world > backend:9100 = allow",
      "elsewhere > backend:1 = allow",
      "frontend > backend:1 = allow",
      "world > backend:1 = deny",
      "elsewhere > backend:2 = allow",
      "frontend > backend:2 = deny",
      "backend > world:1 = allow",
    ],
  },
  {
    about: "NetworkPolicy: an empty rule allows everybody, no rule nobody",
    documents: [
      "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: a }\nspec: { podSelector: { matchLabels: { app: backend } }, ingress: [{}] }",
      "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: b }\nspec: { podSelector: { matchLabels: { app: guest } }, policyTypes: [Ingress, Egress] }",
    ],
    lines: ["world > backend:1 = allow", "frontend > guest:1 = deny", "guest > backend:1 = deny", "backend > db:1 = allow"],
  },
  {
    about: "deny rules beat a NetworkPolicy's allow",
    documents: [
      "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: a }\nspec: { podSelector: {}, ingress: [{}] }",
      "apiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: { name: b }\nspec: { endpointSelector: {}, ingressDeny: [{ fromEntities: [world] }] }",
    ],
    lines: ["world > backend:1 = deny", "guest > backend:1 = allow"],
  },
];
