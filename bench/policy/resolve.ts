// SPDX-License-Identifier: Apache-2.0
import { PolicyStore } from "../../l7policy/resolve/store.js";
import type { Labels } from "../../l7policy/policy.js";
import type { ResolvedPolicies } from "../../l7policy/resolve/revision.js";
import type { Figures } from "./alone.js";
import { readPolicies } from "./rules.js";

const ENDPOINTS = 1_000;
const POLICIES = 1_000;
const APPS = 100;
const PORT = 8080;

/** A workload of one of many apps, with labels as Kubernetes workloads have them. */
function labelsOf(number: number): Labels {
  return {
    app: `app-${number % APPS}`,
    instance: `instance-${number}`,
    tier: ["web", "api", "db"][number % 3] ?? "",
    "app.kubernetes.io/part-of": `product-${number % 20}`,
  };
}

/** Each is for one app, or one tier of one product; its peers are likewise, some of its rules judge requests. */
function policyText(number: number): string {
  const subject =
    number % 2 === 0
      ? `app: app-${number % APPS}`
      : `tier: api, "app.kubernetes.io/part-of": product-${number % 20}`;
  return `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: p${number} }
spec:
  endpointSelector: { matchLabels: { ${subject} } }
  ingress:
    - fromEndpoints: [{ matchLabels: { app: app-${(number * 7) % APPS} } }]
      toPorts:
        - ports: [{ port: "${PORT}", protocol: TCP }]
          rules: { http: [{ method: GET, path: "/v${number % 50}/.*" }] }
  egress:
    - toEndpoints: [{ matchExpressions: [{ key: tier, operator: In, values: [db, api] }] }]
`;
}

/** Works out what every endpoint is judged by towards every other; times in milliseconds. */
export function resolveMany(): Figures {
  const policies = Array.from({ length: POLICIES }, (_, i) => readPolicies(`p${i}`, policyText(i))).flat();
  const store = new PolicyStore();
  const identities = Array.from({ length: ENDPOINTS }, (_, i) => store.identities.identityOf(labelsOf(i)));
  let start = performance.now();
  const made = store.prepare(policies);
  if (store.conflicts(made).length > 0) throw new Error("the policies disagree");
  store.commit(made);
  let judged = 0;
  for (const identity of identities) judged += askAll(made, identity, identities);
  const resolveMs = performance.now() - start;

  // One endpoint gets another label: all that it may meet is worked out.
  start = performance.now();
  const changed = store.identities.identityOf({ ...labelsOf(0), app: "app-1" });
  judged += askAll(made, changed, identities);
  for (const identity of identities) made.ingress(identity, PORT, changed);
  const labelMs = performance.now() - start;
  if (judged === 0) throw new Error("no request would be judged");
  return { resolveMs, labelMs, judged };
}

/** Rule sets of one endpoint, both directions. Returns how many judge requests. */
function askAll(made: ResolvedPolicies, identity: number, peers: readonly number[]): number {
  let judging = 0;
  for (const peer of peers) {
    if (made.ingress(identity, PORT, peer).kind === "l7") judging++;
    made.egress(identity, PORT, peer);
  }
  return judging;
}
