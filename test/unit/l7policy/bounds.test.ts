// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { parsePolicies, PolicyStore } from "../../../l7policy/index.js";
import type { Policy } from "../../../l7policy/model.js";
import { termsOf } from "../../../proxy/parties.js";
import { tablesOf } from "../../../proxy/tables.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const REVISIONS = 60;

function policies(number: number): readonly Policy[] {
  const spec = (l7: string): string => `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: test }
spec:
  endpointSelector: {}
  ${l7}`;
  const port = `ports: [{ port: "80", protocol: TCP }]`;
  const parsed = parsePolicies(
    "test.yaml",
    [
      spec(`ingress: [{ toPorts: [{ ${port}, rules: { http: [{ path: "/in/${number}" }] } }] }]`),
      spec(`egress: [{ toPorts: [{ ${port}, rules: { http: [{ path: "/out/${number}" }] } }] }]`),
      spec(
        `ingress: [{ toPorts: [{ ports: [{ port: "81", protocol: TCP }], rules: { memcached: [{ command: get, keyExact: k${number} }] } }] }]`,
      ),
    ].join("\n---"),
  );
  if (!parsed.ok) throw parsed.errors[0] as Error;
  return parsed.policies;
}

test("what no revision in force uses any more is forgotten: rule sets and tables", async () => {
  const store = new PolicyStore();
  const endpoint = store.identities.identityOf({ app: "a" });
  const parties = {
    client: endpoint,
    clientIsEndpoint: true,
    service: endpoint,
    serviceIsEndpoint: true,
    address: "",
  };
  const made: WeakRef<object>[] = [];
  const use = (number: number): void => {
    const revision = store.resolve(policies(number));
    const terms = termsOf(revision, { ...parties, port: 80 });
    if (terms.kind !== "l7") throw new Error(terms.kind);
    const { requests } = tablesOf(terms, terms.protocol);
    expect(requests?.kernel).toBe(true);
    const other = revision.ingress(endpoint, 81, endpoint);
    if (other.kind !== "l7") throw new Error(other.kind);
    for (const one of [...terms.sets, requests, other]) if (one) made.push(new WeakRef(one));
  };
  for (let number = 0; number < REVISIONS; number++) use(number);
  // References are weak from the next turn on.
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  await new Promise((resolve) => setImmediate(resolve));
  const alive = made.filter((one) => one.deref()).length;
  expect(made.length).toBe(4 * REVISIONS);
  // Those in force, and what a stack or register may still hold.
  expect(alive).toBeLessThan(4 * 5);
  expect(alive).toBeGreaterThanOrEqual(4);
  expect(store.prepare(policies(1)).ingress(endpoint, 80, endpoint).kind).toBe("l7");
});
