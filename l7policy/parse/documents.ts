// SPDX-License-Identifier: Apache-2.0
import { isScalar } from "yaml";
import type { Policy } from "../model.js";
import type { Reader } from "../reader.js";
import { object, optional, refused, required, type Optional, type Refused } from "../shape/object.js";
import { anything, choice, list, text, type JsonSchema, type Shape } from "../shape/shape.js";
import { networkPolicyOf, networkPolicySpec } from "./network-policy.js";
import { policyOf, spec } from "./spec.js";

const NAME = text({ least: 1, most: 253 });
/** What Kubernetes and its tools write; it means nothing to policy. */
const BOOKKEEPING = Object.fromEntries(
  [
    ...[
      "labels",
      "annotations",
      "uid",
      "resourceVersion",
      "generation",
      "creationTimestamp",
      "managedFields",
    ],
    ...["ownerReferences", "finalizers", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"],
  ].map((field) => [field, optional(anything, "Written by Kubernetes and its tools.")]),
);
const metadata = <F extends Optional<string> | Refused>(namespace: F) =>
  object({ ...BOOKKEEPING, name: required(NAME, "Name of the policy."), namespace });
const namespaced = metadata(optional(NAME, "Namespace of the policy; default when left out."));
const clusterwide = metadata(refused("belongs to no namespace: leave it out, or use CiliumNetworkPolicy"));

const HEAD = {
  status: optional(anything, "Written by controllers."),
};
const specs = {
  spec: optional(spec, "The policy."),
  specs: optional(list(spec, { least: 1 }), "Several policies under one name."),
};
const wantsSpec = (
  value: { spec?: unknown; specs?: unknown },
  complain: (field: string, message: string) => void,
): void => {
  if (!value.spec && !value.specs) complain("spec", "is missing");
};

const CILIUM = object(
  {
    apiVersion: required(choice(["cilium.io/v2"]), "cilium.io/v2"),
    kind: required(choice(["CiliumNetworkPolicy"]), "CiliumNetworkPolicy"),
    metadata: required(namespaced, "Name and namespace."),
    ...specs,
    ...HEAD,
  },
  wantsSpec,
);
const CLUSTERWIDE = object(
  {
    apiVersion: required(choice(["cilium.io/v2"]), "cilium.io/v2"),
    kind: required(choice(["CiliumClusterwideNetworkPolicy"]), "CiliumClusterwideNetworkPolicy"),
    metadata: required(clusterwide, "Name."),
    ...specs,
    ...HEAD,
  },
  wantsSpec,
);
const NETWORK = object({
  apiVersion: required(choice(["networking.k8s.io/v1"]), "networking.k8s.io/v1"),
  kind: required(choice(["NetworkPolicy"]), "NetworkPolicy"),
  metadata: required(namespaced, "Name and namespace."),
  spec: required(networkPolicySpec, "The policy."),
  ...HEAD,
});

/** Documents by kind: their shape, and what they are as policies. */
const KINDS: Readonly<
  Record<string, { shape: Shape<unknown>; read: (reader: Reader, node: unknown, path: string) => Policy[] }>
> = {
  CiliumNetworkPolicy: {
    shape: CILIUM,
    read(reader, node, path) {
      const value = CILIUM.read(reader, node, path);
      if (!value) return [];
      const { name, namespace = "default" } = value.metadata;
      return [...(value.spec ? [value.spec] : []), ...(value.specs ?? [])].map((one) =>
        policyOf(one, "CiliumNetworkPolicy", name, namespace),
      );
    },
  },
  CiliumClusterwideNetworkPolicy: {
    shape: CLUSTERWIDE,
    read(reader, node, path) {
      const value = CLUSTERWIDE.read(reader, node, path);
      if (!value) return [];
      return [...(value.spec ? [value.spec] : []), ...(value.specs ?? [])].map((one) =>
        policyOf(one, "CiliumClusterwideNetworkPolicy", value.metadata.name, undefined),
      );
    },
  },
  NetworkPolicy: {
    shape: NETWORK,
    read(reader, node, path) {
      const value = NETWORK.read(reader, node, path);
      if (!value) return [];
      return [networkPolicyOf(value.spec, value.metadata.name, value.metadata.namespace ?? "default")];
    },
  },
};

/** `kubectl get -o yaml` of several objects. */
const LISTS = ["List", ...Object.keys(KINDS).map((kind) => `${kind}List`)];

/** The policies of one document; errors are the reader's. */
export function readDocument(reader: Reader, node: unknown, path = ""): Policy[] {
  const fields = reader.entries(node, path);
  if (!fields) return [];
  const entry = fields.get("kind");
  const under = (field: string): string => (path ? `${path}.${field}` : field);
  if (!entry) {
    reader.fail("SM_POLICY_FIELD", node, under("kind"), "is missing");
    return [];
  }
  const kind = isScalar(entry.value) ? String(entry.value.value) : "";
  if (path === "" && LISTS.includes(kind)) {
    const known = reader.map(node, "", ["apiVersion", "kind", "metadata", "items"]);
    const items = known?.get("items");
    if (!items) reader.fail("SM_POLICY_FIELD", node, "items", "is missing");
    const list = items ? reader.list(items.value, "items") : undefined;
    return (list ?? []).flatMap((item, i) => readDocument(reader, item, `items[${i}]`));
  }
  const known = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  if (!known) {
    const names = Object.keys(KINDS).join(", ");
    reader.fail("SM_POLICY_FIELD", entry.value, under("kind"), `must be one of ${names}, or a list of them`);
    return [];
  }
  const namespace = namespaceOf(fields.get("metadata")?.value);
  reader.scope = { namespace: kind === "CiliumClusterwideNetworkPolicy" ? undefined : namespace };
  return known.read(reader, node, path);
}

/** What selectors need to know before they are read; checked with the metadata. */
function namespaceOf(node: unknown): string {
  const { items = [] } = (node ?? {}) as {
    items?: { key?: { value?: unknown }; value?: { value?: unknown } }[];
  };
  const value = items.find((item) => item.key?.value === "namespace")?.value?.value;
  return typeof value === "string" ? value : "default";
}

/** JSON Schema of policy documents, for editors. */
export function policySchema(): JsonSchema {
  const kinds = Object.entries(KINDS);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Policies that sockmesh understands",
    type: "object",
    required: ["apiVersion", "kind", "metadata"],
    properties: { kind: { enum: kinds.map(([kind]) => kind) } },
    allOf: kinds.map(([kind, { shape }]) => ({
      if: { properties: { kind: { const: kind } } },
      then: shape.schema,
    })),
  };
}
