// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { parsePolicies, PolicyStore, RESERVED } from "../../../l7policy/index.js";
import { FieldSpans, HttpField } from "../../../protocols/fields.js";
import { allowed, type Party, type Question } from "../../support/naive-policy.js";

const RUNS = process.env["SOAK"] === "1" ? 100_000 : 1000;
const NAMESPACE = "io.kubernetes.pod.namespace";

const namespace = fc.constantFrom("default", "other");
const value = fc.constantFrom("x", "y");
const key = fc.constantFrom("a", "b", "k8s:a", "any:b");
const labels = fc.record({ a: value, b: value }, { requiredKeys: [] });
const workload = fc.record({ kind: fc.constant("workload" as const), namespace, labels });
const party: fc.Arbitrary<Party> = fc.oneof(
  { arbitrary: workload, weight: 4 },
  fc.record({
    kind: fc.constant("reserved" as const),
    name: fc.constantFrom("host", "world", "remote-node", "health", "ingress"),
  }),
  fc.record({
    kind: fc.constant("address" as const),
    ip: fc.constantFrom(0x0a000001, 0x0a010001, 0x0a010201, 0x0b000001, 0xc0000201),
  }),
);

const expression = fc.oneof(
  fc.record({
    key,
    operator: fc.constantFrom("In", "NotIn"),
    values: fc.array(value, { minLength: 1, maxLength: 2 }),
  }),
  fc.record({ key, operator: fc.constantFrom("Exists", "DoesNotExist") }),
);
const selector = fc.record(
  {
    matchLabels: fc.dictionary(key, value, { maxKeys: 2 }),
    matchExpressions: fc.array(expression, { maxLength: 2 }),
  },
  { requiredKeys: [] },
);
const peerSelector = fc.oneof(
  { arbitrary: selector, weight: 4 },
  namespace.map((name) => ({ matchLabels: { [NAMESPACE]: name } })),
  fc.constant({ matchExpressions: [{ key: `k8s:${NAMESPACE}`, operator: "Exists" }] }),
  fc.constantFrom("host", "world").map((name) => ({ matchLabels: { [`reserved:${name}`]: "" } })),
);
const block = fc.constantFrom(
  "10.0.0.0/8",
  "10.1.0.0/16",
  "10.1.2.0/24",
  "10.1.2.1/32",
  "0.0.0.0/0",
  "192.0.2.0/24",
);
const blockSet = fc.constantFrom(
  { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] },
  { cidr: "10.0.0.0/8", except: ["10.1.2.0/24", "10.0.0.1/32"] },
  { cidr: "0.0.0.0/0", except: ["10.0.0.0/8"] },
  { cidr: "10.1.2.0/24" },
);
const entity = fc.constantFrom("all", "world", "cluster", "host", "remote-node", "health", "none", "ingress");
const peers = (side: "from" | "to") =>
  fc.oneof(
    fc.constant({}),
    {
      arbitrary: fc.array(peerSelector, { maxLength: 2 }).map((list) => ({ [`${side}Endpoints`]: list })),
      weight: 3,
    },
    fc.array(entity, { maxLength: 2 }).map((list) => ({ [`${side}Entities`]: list })),
    fc.array(block, { maxLength: 2 }).map((list) => ({ [`${side}CIDR`]: list })),
    fc.array(blockSet, { maxLength: 2 }).map((list) => ({ [`${side}CIDRSet`]: list })),
  );
const range = fc.oneof(
  fc.record({ port: fc.constantFrom("80", "81", "443"), protocol: fc.constantFrom("TCP", "ANY") }),
  fc.constant({ port: "80", endPort: 90 }),
  fc.constant({ port: "81", endPort: 443, protocol: "TCP" }),
);
const anyRange = fc.oneof(
  { arbitrary: range, weight: 4 },
  fc.constant({ port: "0" }),
  fc.constant({ port: "80", protocol: "UDP" }),
);
const httpRule = fc.record(
  { method: fc.constantFrom("GET", "PUT"), path: fc.constantFrom("/a", "/b") },
  { requiredKeys: [] },
);
const plainPorts = fc.record({ ports: fc.array(anyRange, { minLength: 1, maxLength: 2 }) });
const judgedPorts = fc.record({
  ports: fc.array(range, { minLength: 1, maxLength: 2 }),
  rules: fc.record({ http: fc.array(httpRule, { maxLength: 2 }) }),
});
const executable = fc.constantFrom("/bin/a", "/bin/b");
const rule = (side: "from" | "to", deny: boolean) =>
  fc
    .tuple(
      peers(side),
      fc.option(
        fc.array(deny ? plainPorts : fc.oneof(plainPorts, judgedPorts), { minLength: 1, maxLength: 2 }),
        {
          nil: undefined,
        },
      ),
      fc.option(
        fc.array(
          executable.map((path) => ({ executable: path })),
          { maxLength: 1 },
        ),
        {
          nil: undefined,
          freq: 8,
        },
      ),
    )
    .map(([peer, toPorts, fromProcess]) => ({
      ...peer,
      ...(toPorts ? { toPorts } : {}),
      ...(fromProcess ? { fromProcess } : {}),
    }));
const rules = (side: "from" | "to", deny: boolean) =>
  fc.array(rule(side, deny), { minLength: 1, maxLength: deny ? 1 : 3 });
const policy = fc
  .record({
    kind: fc.constantFrom("CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"),
    namespace,
    spec: fc
      .record(
        {
          endpointSelector: selector,
          ingress: rules("from", false),
          egress: rules("to", false),
          ingressDeny: rules("from", true),
          egressDeny: rules("to", true),
          enableDefaultDeny: fc.record({ ingress: fc.boolean(), egress: fc.boolean() }, { requiredKeys: [] }),
        },
        { requiredKeys: ["endpointSelector"] },
      )
      .filter((spec) => Boolean(spec.ingress ?? spec.egress ?? spec.ingressDeny ?? spec.egressDeny)),
  })
  .map(({ kind, namespace: name, spec }) => ({
    apiVersion: "cilium.io/v2",
    kind,
    metadata: kind === "CiliumNetworkPolicy" ? { name: "p", namespace: name } : { name: "p" },
    spec,
  }));
const question: fc.Arbitrary<Question> = fc.record({
  way: fc.constantFrom("ingress", "egress"),
  endpoint: workload,
  peer: party,
  port: fc.constantFrom(79, 80, 81, 85, 90, 91, 443, 444),
  transport: fc.constantFrom("TCP", "TCP", "TCP", "UDP"),
  method: fc.constantFrom("GET", "PUT"),
  path: fc.constantFrom("/a", "/b", "/c"),
  executable: fc.option(executable, { nil: undefined }),
});

const text = (ip: number): string => [24, 16, 8, 0].map((shift) => (ip >>> shift) & 255).join(".");

test("random policies mean what the plain evaluator says", () => {
  let open = 0;
  let closed = 0;
  fc.assert(
    fc.property(
      fc.array(policy, { minLength: 1, maxLength: 4 }),
      fc.array(question, { minLength: 8, maxLength: 8 }),
      fc.boolean(),
      (documents, questions, early) => {
        const parsed = parsePolicies(
          "random.json",
          documents.map((one) => JSON.stringify(one)).join("\n---\n"),
        );
        if (!parsed.ok) throw new Error(parsed.errors.map((error) => error.describe()).join("\n"));
        const store = new PolicyStore();
        const identify = (who: Party): number => {
          if (who.kind === "workload")
            return store.identities.identityOf({ ...who.labels, [NAMESPACE]: who.namespace });
          if (who.kind === "reserved") return RESERVED[who.name as keyof typeof RESERVED];
          return revision.worldOf(text(who.ip));
        };
        // Identities may be there before the policies or come later.
        if (early) for (const { endpoint } of questions) store.identities.identityOf({ ...endpoint.labels });
        const revision = store.resolve(parsed.policies);
        for (const one of questions) {
          const fields = new FieldSpans();
          fields.reset(Buffer.from(`${one.method}${one.path}h`));
          fields.add(HttpField.method, 0, one.method.length);
          fields.add(HttpField.path, one.method.length, one.method.length + one.path.length);
          fields.add(HttpField.host, one.method.length + one.path.length, fields.bytes.length);
          const set = revision[one.way](identify(one.endpoint), one.port, identify(one.peer), {
            transport: one.transport,
            ...(one.executable ? { process: { executable: one.executable } } : {}),
          });
          const ours = set.kind === "l7" ? set.judge(fields) : set.kind === "allow";
          const theirs = allowed(documents, one);
          if (theirs) open++;
          else closed++;
          expect({ one, allowed: ours }).toEqual({ one, allowed: theirs });
        }
      },
    ),
    { numRuns: RUNS },
  );
  // Both answers must be common, or the comparison says little.
  expect(Math.min(open, closed)).toBeGreaterThan(RUNS);
});
