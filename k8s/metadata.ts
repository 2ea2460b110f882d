// SPDX-License-Identifier: Apache-2.0
import type { SourcePosition } from "../core/errors.js";
import { NAMESPACE_LABEL } from "../l7policy/identity/labels.js";
import { labelValue } from "../l7policy/parse/selector.js";
import type { Labels } from "../l7policy/policy.js";
import { optional } from "../l7policy/shape/object.js";
import { text, type Read, type Shape } from "../l7policy/shape/shape.js";
import { excerpt } from "./excerpt.js";

/** An annotation that is for sockmesh. */
export interface Setting {
  readonly value: string;
  readonly at: SourcePosition;
  readonly field: string;
}

/** Prefix of annotations that are for sockmesh. */
export const SETTINGS = "sockmesh.io/";

/** Prefix of labels that Cilium gives workloads. */
const DERIVED = "io.cilium.k8s";
const LABEL_KEY =
  /^(?:(?=[^/]{1,253}\/)[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** Name of an object. */
export const objectName = text({
  pattern: /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/,
  says: "is no name (lower-case letters, digits, - and . inside, at most 253)",
});
const namespaceName = text({
  pattern: /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/,
  says: "is no namespace (lower-case letters, digits, - inside, at most 63)",
});
const namePrefix = text({
  pattern: /^[a-z0-9][-a-z0-9.]{0,252}$/,
  says: "is no start of a name (lower-case letters, digits, - and .)",
});

/** Labels by key; `refused` tells what is wrong with a key, besides its form. */
function labels(refused: (key: string) => string | undefined = () => undefined): Shape<Labels> {
  return {
    schema: { type: "object", additionalProperties: labelValue.schema },
    read(reader, node, path) {
      const read: Record<string, string> = {};
      for (const [key, entry] of reader.entries(node, path) ?? []) {
        const field = `${path}.${key}`;
        const wrong = LABEL_KEY.test(key) ? refused(key) : "is no label key (prefix/name)";
        if (wrong !== undefined) reader.fail("SM_POLICY_FIELD", entry.key, field, wrong);
        const value = labelValue.read(reader, entry.value, field);
        if (value !== undefined) read[key] = value;
      }
      return read;
    },
  };
}

/** Annotations by what follows {@link SETTINGS}; those for others are left out. */
const settings: Shape<ReadonlyMap<string, Setting>> = {
  schema: { type: "object" },
  read(reader, node, path) {
    const read = new Map<string, Setting>();
    for (const [key, entry] of reader.entries(node, path) ?? []) {
      if (!key.startsWith(SETTINGS)) continue;
      const field = `${path}.${key}`;
      const value = reader.text(entry.value, field);
      if (value !== undefined)
        read.set(key.slice(SETTINGS.length), { value, at: reader.at(entry.value), field });
    }
    return read;
  },
};

const metadata = (own: Shape<Labels>) =>
  excerpt({
    name: optional(objectName, "Name of the object."),
    generateName: optional(namePrefix, "Start of a name that Kubernetes completes."),
    namespace: optional(namespaceName, "Namespace of the object; default when left out."),
    labels: optional(own, "Labels."),
    annotations: optional(settings, "Annotations."),
  });

/** Metadata of any object. */
export const objectMetadata = metadata(labels());

/** Metadata of a pod: its labels are what policies select by. */
export const podMetadata = metadata(
  labels((key) =>
    key === NAMESPACE_LABEL || key.startsWith(DERIVED)
      ? "is derived from the namespace and the account: no pod may claim it"
      : undefined,
  ),
);

/** What metadata reads as. */
export type Metadata = Read<typeof objectMetadata>;
