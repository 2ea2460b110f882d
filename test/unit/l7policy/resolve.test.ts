// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "@jest/globals";
import { DEFAULT_LIMITS } from "../../../core/limits.js";
import { parsePolicies, PolicyStore, RESERVED, type RuleSet } from "../../../l7policy/index.js";
import { http1 } from "../../../protocols/http1/index.js";

/** Judges a raw request by a rule set, as the proxy does. */
function judge(set: RuleSet, raw: string): boolean {
  if (set.kind !== "l7") return set.kind === "allow";
  let verdict: boolean | undefined;
  http1.requests(DEFAULT_LIMITS).push(Buffer.from(raw, "latin1"), {
    head: ({ fields }) => (verdict = set.judge(fields)),
    body() {},
    end() {},
    fault: ({ reason }) => {
      throw new Error(reason);
    },
  });
  if (verdict === undefined) throw new Error("no request");
  return verdict;
}

function request(method: string, path: string, headers = "", host = "h"): string {
  return `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${headers}\r\n`;
}

class Case {
  readonly store = new PolicyStore();
  readonly backend = this.store.identities.identityOf({ app: "backend" });
  readonly frontend = this.store.identities.identityOf({ app: "frontend", tier: "web" });
  readonly guest = this.store.identities.identityOf({ app: "guest" });
  readonly elsewhere = this.store.identities.identityOf({
    app: "frontend",
    "io.kubernetes.pod.namespace": "other",
  });
  private readonly policy;

  /** @param specs bodies of `spec`, one policy each */
  constructor(...specs: string[]) {
    const text = specs
      .map(
        (spec) =>
          `apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: { name: x }\nspec:\n${spec.replace(/^/gm, "  ")}\n`,
      )
      .join("---\n");
    const parsed = parsePolicies("test.yaml", text);
    if (!parsed.ok) throw new Error(parsed.errors.map((error) => error.describe()).join("\n"));
    this.policy = this.store.resolve(parsed.policies);
  }

  ingress(peer: number, port = 80): RuleSet {
    return this.policy.ingress(this.backend, port, peer);
  }

  egress(peer: number, port = 80): RuleSet {
    return this.policy.egress(this.backend, port, peer);
  }

  get restrictsEgress(): boolean {
    return this.policy.restrictsEgress(this.backend);
  }
}

const BACKEND = "endpointSelector: { matchLabels: { app: backend } }\n";
const PORT = "toPorts: [{ ports: [{ port: '80', protocol: TCP }] }]";
const http = (rules: string): string => `toPorts: [{ ports: [{ port: '80' }], rules: { http: ${rules} } }]`;

describe("who and where", () => {
  test("no policy selects the endpoint: everything passes", () => {
    const none = new Case("endpointSelector: { matchLabels: { app: other } }\ningress: [{}]");
    expect(none.ingress(none.guest).kind).toBe("allow");
    expect(none.restrictsEgress).toBe(false);
  });

  test("selected: what no rule allows is denied, in the direction that the policy speaks of", () => {
    const one = new Case(`${BACKEND}ingress: [{ fromEndpoints: [{ matchLabels: { app: frontend } }] }]`);
    expect(one.ingress(one.frontend).kind).toBe("allow");
    expect(one.ingress(one.guest).kind).toBe("deny");
    expect(one.ingress(RESERVED.world).kind).toBe("deny");
    expect(one.egress(one.guest).kind).toBe("allow");
  });

  test("an empty rule denies all, and so does a rule with an empty list of peers", () => {
    const closed = new Case(`${BACKEND}ingress: [{}]`);
    expect(closed.ingress(RESERVED.host).kind).toBe("deny");
    expect(closed.ingress(closed.frontend).kind).toBe("deny");
    const nobody = new Case(`${BACKEND}ingress: [{ fromEndpoints: [] }]`);
    expect(nobody.ingress(nobody.frontend).kind).toBe("deny");
  });

  test("a selector speaks of its own namespace unless it names another", () => {
    const own = new Case(`${BACKEND}ingress: [{ fromEndpoints: [{ matchLabels: { app: frontend } }] }]`);
    expect(own.ingress(own.elsewhere).kind).toBe("deny");
    const other = new Case(
      `${BACKEND}ingress: [{ fromEndpoints: [{ matchLabels: { app: frontend, k8s:io.kubernetes.pod.namespace: other } }] }]`,
    );
    expect(other.ingress(other.elsewhere).kind).toBe("allow");
    expect(other.ingress(other.frontend).kind).toBe("deny");
  });

  test.each([
    ["{ key: tier, operator: Exists }", true, false],
    ["{ key: tier, operator: DoesNotExist }", false, true],
    ["{ key: app, operator: In, values: [frontend, x] }", true, false],
    ["{ key: app, operator: NotIn, values: [frontend] }", false, true],
  ])("matchExpressions %s", (expression, frontend, guest) => {
    const one = new Case(`${BACKEND}ingress: [{ fromEndpoints: [{ matchExpressions: [${expression}] }] }]`);
    expect(one.ingress(one.frontend).kind === "allow").toBe(frontend);
    expect(one.ingress(one.guest).kind === "allow").toBe(guest);
  });

  test("entities", () => {
    const world = new Case(`${BACKEND}ingress: [{ fromEntities: [world] }]`);
    expect([RESERVED.world, RESERVED.host, world.guest].map((peer) => world.ingress(peer).kind)).toEqual([
      "allow",
      "deny",
      "deny",
    ]);
    const cluster = new Case(`${BACKEND}ingress: [{ fromEntities: [cluster] }]`);
    expect([RESERVED.world, RESERVED.host, cluster.guest].map((peer) => cluster.ingress(peer).kind)).toEqual([
      "deny",
      "allow",
      "allow",
    ]);
    const all = new Case(`${BACKEND}ingress: [{ fromEntities: [all] }]`);
    expect([RESERVED.world, RESERVED.host].map((peer) => all.ingress(peer).kind)).toEqual(["allow", "allow"]);
  });

  test("ports and ranges; peer and port must both fit", () => {
    const one = new Case(
      `${BACKEND}ingress: [{ fromEndpoints: [{ matchLabels: { app: frontend } }], toPorts: [{ ports: [{ port: '80', endPort: 90 }, { port: 443 }] }] }]`,
    );
    expect([79, 80, 90, 91, 443].map((port) => one.ingress(one.frontend, port).kind)).toEqual([
      "deny",
      "allow",
      "allow",
      "deny",
      "allow",
    ]);
    expect(one.ingress(one.guest, 80).kind).toBe("deny");
  });

  test("deny beats allow, whatever is more specific, and can be one port only", () => {
    const one = new Case(
      `${BACKEND}ingress: [{ fromEntities: [all] }]\ningressDeny: [{ fromEndpoints: [{ matchLabels: { app: guest } }], ${PORT} }]`,
    );
    expect(one.ingress(one.guest, 80).kind).toBe("deny");
    expect(one.ingress(one.guest, 81).kind).toBe("allow");
    expect(one.ingress(one.frontend, 80).kind).toBe("allow");
    const both = new Case(
      `${BACKEND}ingress: [{ ${http("[{ path: /allowed }]")} }]`,
      `${BACKEND}ingressDeny: [{ toPorts: [{ ports: [{ port: '80', endPort: 10000 }] }] }]`,
    );
    expect(both.ingress(both.guest, 80).kind).toBe("deny");
  });

  test("enableDefaultDeny false only adds; one policy that asks for it is enough", () => {
    const soft = `${BACKEND}enableDefaultDeny: { ingress: false }\ningress: [{ fromEntities: [world] }]`;
    expect(new Case(soft).ingress(RESERVED.host).kind).toBe("allow");
    expect(new Case(soft, `${BACKEND}ingress: [{}]`).ingress(RESERVED.host).kind).toBe("deny");
  });

  test("egress: restricted once a policy speaks of it", () => {
    const one = new Case(`${BACKEND}egress: [{ toEndpoints: [{ matchLabels: { app: guest } }], ${PORT} }]`);
    expect(one.restrictsEgress).toBe(true);
    expect(one.egress(one.guest).kind).toBe("allow");
    expect(one.egress(RESERVED.world).kind).toBe("deny");
  });

  test("rules without L7 on the same port and peer make L7 rules moot", () => {
    const one = new Case(
      `${BACKEND}ingress: [{ ${http("[{ path: /a }]")} }, { fromEndpoints: [{ matchLabels: { app: guest } }], ${PORT} }]`,
    );
    expect(one.ingress(one.guest).kind).toBe("allow");
    expect(one.ingress(one.frontend).kind).toBe("l7");
  });

  test("equal rule sets are one, whatever their order and policy", () => {
    const first = new Case(`${BACKEND}ingress: [{ ${http("[{ path: /a }, { path: /b }]")} }]`);
    const set = first.ingress(first.guest);
    expect(first.ingress(first.frontend)).toBe(set);
  });
});

describe("HTTP rules", () => {
  const allows = (rules: string, ...requests: string[]): boolean[] => {
    const one = new Case(`${BACKEND}ingress: [{ ${http(rules)} }]`);
    return requests.map((raw) => judge(one.ingress(one.guest), raw));
  };

  test("no entry allows nothing, an empty entry everything", () => {
    expect(allows("[]", request("GET", "/"))).toEqual([false]);
    expect(allows("[{}]", request("GET", "/"))).toEqual([true]);
  });

  test("patterns match the whole field, the query is part of the path, letter case counts", () => {
    expect(
      allows(
        "[{ path: /status }]",
        ...["/status", "/status/1", "/x/status", "/status?a", "/Status"].map((path) => request("GET", path)),
      ),
    ).toEqual([true, false, false, false, false]);
    expect(allows("[{ path: '/status.*' }]", request("GET", "/status/1?x"))).toEqual([true]);
    expect(allows("[{ path: '^/a$' }]", request("GET", "/a"), request("GET", "/ab"))).toEqual([true, false]);
    expect(
      allows(
        "[{ method: 'GET|HEAD' }]",
        ...["GET", "HEAD", "GETX", "POST", "get"].map((method) => request(method, "/")),
      ),
    ).toEqual([true, true, false, false, false]);
  });

  test("all fields of an entry must fit, any entry is enough", () => {
    const rules = "[{ method: GET, path: /a }, { method: PUT, path: '/b.*', headers: ['X-Key: k'] }]";
    expect(
      allows(
        rules,
        request("GET", "/a"),
        request("PUT", "/a"),
        request("PUT", "/b1"),
        request("PUT", "/b1", "x-key: k\r\n"),
        request("PUT", "/b1", "X-KEY: K\r\n"),
        request("GET", "/b", "X-Key: k\r\n"),
      ),
    ).toEqual([true, false, false, true, false, false]);
  });

  test("headers: presence, exact value, any of several of the same name", () => {
    expect(
      allows(
        "[{ headers: ['X-A'] }]",
        request("GET", "/"),
        request("GET", "/", "x-a:\r\n"),
        request("GET", "/", "x-ab: 1\r\n"),
      ),
    ).toEqual([false, true, false]);
    expect(
      allows(
        "[{ headers: ['X-A: two words'] }]",
        request("GET", "/", "X-A: two words\r\n"),
        request("GET", "/", "X-A: two\r\n"),
        request("GET", "/", "X-A: 1\r\nX-A: two words\r\n"),
      ),
    ).toEqual([true, false, true]);
  });

  test("host: without its port; a dot is any character, as in every pattern", () => {
    expect(
      allows(
        "[{ host: 'foo.bar.com' }]",
        ...["foo.bar.com", "foo.bar.com:8080", "fooXbar.com", "bar.com"].map((host) =>
          request("GET", "/", "", host),
        ),
      ),
    ).toEqual([true, true, true, false]);
    expect(allows("[{ host: 'foo.bar' }]", request("GET", "/", "", "fooXbar"))).toEqual([true]);
  });

  test("the reference's vectors", () => {
    const rules =
      "[{ path: /allowed }, { path: '.*public$' }, { host: allowedHOST }, { host: '.*REGEX.*' }, { method: PUT, path: /public/opinions }]";
    expect(
      allows(
        rules,
        request("GET", "/prefix"),
        request("GET", "/allowed"),
        request("GET", "/maybe/public"),
        request("GET", "/maybe/private"),
        request("GET", "/maybe/private", "", "allowedHOST"),
        request("GET", "/maybe/private", "", "hostREGEXname"),
        request("POST", "/maybe/private"),
        request("PUT", "/public/opinions"),
        request("GET", "/publicz"),
      ),
    ).toEqual([false, true, true, false, true, true, false, true, false]);
  });

  test("thousands of rules", () => {
    const rules = Array.from({ length: 3000 }, (_, i) => `{ path: "/svc${i}/.*", method: GET }`).join(", ");
    expect(
      allows(
        `[${rules}]`,
        request("GET", "/svc2999/x"),
        request("GET", "/svc3000/x"),
        request("POST", "/svc1/x"),
      ),
    ).toEqual([true, false, false]);
  });
});
