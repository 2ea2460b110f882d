// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "@jest/globals";
import { readFileSync } from "node:fs";
import { SockmeshError } from "../../../core/errors.js";
import { parseManifest } from "../../../k8s/manifest.js";
import { choose, type Workload } from "../../../k8s/workload.js";
import { IdentityRegistry, parsePolicies, PolicyStore } from "../../../l7policy/index.js";

const EXAMPLE = "examples/kubernetes/shop.yaml";

function workloads(text: string, file = "web.yaml"): readonly Workload[] {
  const manifest = parseManifest(file, text);
  if (!manifest.ok) throw manifest.errors[0];
  return manifest.workloads;
}

function only(text: string): Workload {
  const [workload, ...others] = workloads(text);
  if (!workload || others.length > 0) throw new Error(`${others.length} others`);
  return workload;
}

/** Labels of a workload of the default namespace and account. */
function own(labels: Record<string, string> = {}): Record<string, string> {
  return {
    ...labels,
    "k8s:io.kubernetes.pod.namespace": "default",
    "k8s:io.cilium.k8s.policy.serviceaccount": "default",
  };
}

const SPEC = "{ containers: [{ name: a, ports: [{ name: http, containerPort: 80 }] }] }";
const TEMPLATE = `{ metadata: { labels: { app: a } }, spec: ${SPEC} }`;

describe("what is a workload", () => {
  test.each([
    ["v1", "Pod", `metadata: { name: a, labels: { app: a } }\nspec: ${SPEC}`],
    ...["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"].map((kind) => [
      "apps/v1",
      kind,
      // The labels of what makes pods are not those of the pods.
      `metadata: { name: a, labels: { app: other } }\nspec: { replicas: 3, template: ${TEMPLATE} }`,
    ]),
    [
      "batch/v1",
      "CronJob",
      `metadata: { name: a }\nspec: { jobTemplate: { spec: { template: ${TEMPLATE} } }, schedule: x }`,
    ],
  ])("%s %s", (apiVersion, kind, rest) => {
    expect(only(`apiVersion: ${apiVersion}\nkind: ${kind}\n${rest}`)).toMatchObject({
      kind,
      name: "a",
      namespace: "default",
      labels: own({ "k8s:app": "a" }),
      ports: [{ name: "http", port: 80, transport: "TCP" }],
    });
  });

  test("pods of a job have its name as Kubernetes labels them; where it completes the name, they have not", () => {
    const job = (name: string): Workload =>
      only(`apiVersion: batch/v1\nkind: Job\nmetadata: { ${name} }\nspec: { template: ${TEMPLATE} }`);
    expect(job("name: a").labels).toEqual(
      own({ "k8s:app": "a", "k8s:job-name": "a", "k8s:batch.kubernetes.io/job-name": "a" }),
    );
    expect(job("generateName: a-")).toMatchObject({ name: "a-" });
    expect(job("generateName: a-").labels).toEqual(own({ "k8s:app": "a" }));
  });

  test("as kubectl prints them: a list, JSON, fields without a value, much that is of no concern", () => {
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: "a",
        labels: null,
        annotations: { "kubectl.kubernetes.io/restartedAt": "x", "a.test/number": 5 },
        managedFields: [{ "f:metadata": { ".": {} } }],
      },
      spec: {
        containers: [{ name: "a", image: "a:1", ports: null, env: [{ name: "PORT", value: "80" }] }],
        initContainers: [{ name: "b", ports: [{ name: "http", containerPort: 1 }] }],
        hostNetwork: true,
      },
      status: { phase: "Running" },
    };
    const list = { apiVersion: "v1", kind: "List", items: [pod], metadata: { resourceVersion: "" } };
    expect(only(JSON.stringify(list))).toMatchObject({ name: "a", labels: own(), ports: [] });
    expect(workloads("apiVersion: v1\nkind: List\nitems:\n")).toEqual([]);
    expect(workloads("# nothing\n---\n---\n")).toEqual([]);
  });

  test("other objects are passed over, of any group that is not that of workloads", () => {
    const other = (apiVersion: string, kind: string): string =>
      `apiVersion: ${apiVersion}\nkind: ${kind}\n---\n`;
    expect(
      workloads(
        other("v1", "ServiceAccount") +
          other("v1", "ConfigMap") +
          other("cilium.io/v2", "CiliumNetworkPolicy") +
          other("networking.k8s.io/v1", "Ingress") +
          other("example.test/v1", "Anything"),
      ),
    ).toEqual([]);
  });
});

describe("labels", () => {
  const pod = (labels: string, more = ""): string =>
    `apiVersion: v1\nkind: Pod\nmetadata: { name: a, namespace: shop, labels: { ${labels} } }\nspec: { ${more}containers: [{}] }\n`;
  const namespace = (name: string, labels: string): string =>
    `---\napiVersion: v1\nkind: Namespace\nmetadata: { name: ${name}, labels: { ${labels} } }\n`;

  test("those of the namespace, before or behind, but for its name, which has a label of its own", () => {
    const labels = {
      "k8s:app": "a",
      "k8s:io.cilium.k8s.namespace.labels.team": "retail",
      "k8s:io.kubernetes.pod.namespace": "shop",
      "k8s:io.cilium.k8s.policy.serviceaccount": "default",
    };
    const shop = namespace("shop", "team: retail, kubernetes.io/metadata.name: shop");
    const other = namespace("other", "team: other");
    expect(only(pod("app: a") + shop + other).labels).toEqual(labels);
    expect(only(`${other}${shop}---\n${pod("app: a")}`).labels).toEqual(labels);
  });

  test.each([
    ["serviceAccountName: web, ", "web"],
    ["serviceAccount: web, ", "web"],
    ["serviceAccountName: web, serviceAccount: old, ", "web"],
    ['serviceAccountName: "", serviceAccount: old, ', "old"],
    ['serviceAccountName: "", ', "default"],
    ["serviceAccountName: , ", "default"],
  ])("the account of { %s}: %s", (field, account) => {
    expect(only(pod("", field)).labels["k8s:io.cilium.k8s.policy.serviceaccount"]).toBe(account);
  });

  test("what makes an identity: no label that changes with a rollout, and the cluster", () => {
    const rollout =
      "pod-template-hash: x, statefulset.kubernetes.io/pod-name: a-0, controller-revision-hash: y";
    const registry = new IdentityRegistry();
    const identity = registry.identityOf(only(pod(`app: a, app.kubernetes.io/name: a, ${rollout}`)).labels);
    expect(registry.labelsOf(identity)).toEqual({
      "k8s:app": "a",
      "k8s:app.kubernetes.io/name": "a",
      "k8s:io.kubernetes.pod.namespace": "shop",
      "k8s:io.cilium.k8s.policy.cluster": "default",
      "k8s:io.cilium.k8s.policy.serviceaccount": "default",
    });
    expect(registry.identityOf(only(pod("app.kubernetes.io/name: a, app: a")).labels)).toBe(identity);
  });

  test("selectors of namespaces by label and by name find it", () => {
    const parsed = parsePolicies(
      "policy.yaml",
      `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: a, namespace: api }
spec:
  podSelector: {}
  ingress:
    - from: [{ namespaceSelector: { matchLabels: { team: retail, kubernetes.io/metadata.name: shop } } }]
`,
    );
    if (!parsed.ok) throw parsed.errors[0];
    const store = new PolicyStore();
    const revision = store.resolve(parsed.policies);
    const api = store.identities.identityOf({ "io.kubernetes.pod.namespace": "api" });
    const verdict = (text: string): string =>
      revision.ingress(api, 80, store.identities.identityOf(only(text).labels)).kind;
    const [shop, other] = [namespace("shop", "team: retail"), namespace("shop", "team: other")];
    expect(verdict(pod("") + shop)).toBe("allow");
    expect(verdict(pod("") + other)).toBe("deny");
    expect(verdict(pod("").replace("shop", "web") + namespace("web", "team: retail"))).toBe("deny");
    // Nothing tells the labels of its namespace.
    expect(verdict(pod(""))).toBe("deny");
  });
});

describe("annotations", () => {
  test("those of the pods for sockmesh, with where they stand", () => {
    const [workload] = workloads(readFileSync(EXAMPLE, "utf8"), EXAMPLE);
    expect([...(workload?.settings ?? [])]).toEqual([
      [
        "level",
        {
          value: "shortcut",
          at: { file: EXAMPLE, line: 22, column: 41 },
          field: "spec.template.metadata.annotations.sockmesh.io/level",
        },
      ],
    ]);
  });
});

describe("which of several", () => {
  const all = workloads(
    ["default/Pod/a", "default/Job/a", "shop/Pod/a", "shop/Pod/b"]
      .map((whole) => {
        const [namespace, kind, name] = whole.split("/");
        const spec = kind === "Pod" ? SPEC : `{ template: ${TEMPLATE} }`;
        return `apiVersion: ${kind === "Pod" ? "v1" : "batch/v1"}\nkind: ${kind}\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\n`;
      })
      .join("---\n"),
  );
  const of = (some: readonly Workload[], wanted?: string): string => {
    try {
      const { namespace, kind, name } = choose("web.yaml", some, wanted);
      return `${namespace}/${kind}/${name}`;
    } catch (thrown) {
      if (!(thrown instanceof SockmeshError) || thrown.code !== "SM_MANIFEST_INVALID") throw thrown;
      return thrown.describe();
    }
  };

  test.each([
    ["b", "shop/Pod/b"],
    ["shop/a", "shop/Pod/a"],
    ["job/a", "default/Job/a"],
    ["Job/a", "default/Job/a"],
    ["default/pod/a", "default/Pod/a"],
    ["a", "web.yaml:1:1: name one of its workloads a: #default/pod/a, #default/job/a, #shop/pod/a"],
    ["pod/a", "web.yaml:1:1: name one of its workloads pod/a: #default/pod/a, #shop/pod/a"],
    [
      "c",
      "web.yaml:1:1: there is no workload c in it, but default/pod/a, default/job/a, shop/pod/a, shop/pod/b",
    ],
    [
      undefined,
      "web.yaml:1:1: name one of its workloads: #default/pod/a, #default/job/a, #shop/pod/a, #shop/pod/b",
    ],
  ])("%s: %s", (wanted, expected) => expect(of(all, wanted)).toBe(expected));

  test("the only one needs no name; of none there is none", () => {
    expect(of(all.slice(3))).toBe("shop/Pod/b");
    expect(of([])).toBe("web.yaml:1:1: there is no workload in it");
    expect(of([], "a")).toBe("web.yaml:1:1: there is no workload in it");
  });
});
