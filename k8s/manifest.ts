// SPDX-License-Identifier: Apache-2.0
import { isScalar } from "yaml";
import { SockmeshError } from "../core/errors.js";
import { NAMESPACE_NAME } from "../l7policy/identity/labels.js";
import { readYaml } from "../l7policy/parse/yaml.js";
import { nearest, type Reader } from "../l7policy/reader.js";
import { isOther, namespaceShape, WORKLOADS, type PodMaker } from "./kinds.js";
import { SETTINGS, type Metadata } from "./metadata.js";
import { nameOf, namespaceOf, workloadOf, type Workload } from "./workload.js";

/** What became of a manifest: its workloads, or all its errors. */
export type Manifest =
  | { readonly ok: true; readonly workloads: readonly Workload[] }
  | { readonly ok: false; readonly errors: readonly SockmeshError[] };

/** One object of a file that matters. */
type Found =
  | { readonly kind: "Namespace"; readonly metadata: Metadata }
  | { readonly kind: string; readonly maker: PodMaker };

/**
 * Reads the workloads of a Kubernetes manifest: pods and what makes pods, with the labels of namespaces that the same
 * file describes, also in a `List` as kubectl prints them. Every error is reported, as SM_MANIFEST_INVALID with file,
 * line and field; a file with an error gives no workload. Other objects are passed over, kinds that there are not are errors.
 */
export function parseManifest(file: string, text: string): Manifest {
  const { found, errors } = readYaml(file, text, readObject);
  const wrong = [...errors];
  const namespaces = new Map<string, Metadata>();
  const makers = new Map<string, { readonly kind: string; readonly maker: PodMaker }>();
  const once = <T>(known: Map<string, T>, key: string, { at, path }: Metadata, value: T): void => {
    if (known.has(key))
      wrong.push(new SockmeshError("SM_MANIFEST_INVALID", `${key} stands twice`, { at, field: path }));
    else known.set(key, value);
  };
  for (const one of found)
    if ("maker" in one) {
      const { kind, maker } = one;
      once(makers, `${kind} ${namespaceOf(maker)}/${nameOf(maker)}`, maker.metadata, { kind, maker });
    } else once(namespaces, `Namespace ${one.metadata.name}`, one.metadata, one.metadata);
  if (wrong.length > 0) return { ok: false, errors: wrong.map(ofManifest) };
  const workloads = [...makers.values()].map(({ kind, maker }) =>
    workloadOf(kind, maker, namespaces.get(`Namespace ${namespaceOf(maker)}`)?.labels),
  );
  return { ok: true, workloads };
}

/** What a reader notes is said of policies: their hint would be wrong here. */
function ofManifest({ message, at, field, cause }: SockmeshError): SockmeshError {
  return new SockmeshError("SM_MANIFEST_INVALID", message, { cause, at, field });
}

function readObject(reader: Reader, node: unknown, path = ""): Found[] {
  const fields = reader.entries(node, path);
  if (!fields) return [];
  const under = (field: string): string => (path ? `${path}.${field}` : field);
  const word = (field: string): string | undefined => {
    const entry = fields.get(field);
    if (entry) return reader.text(entry.value, under(field));
    return reader.fail("SM_POLICY_FIELD", node, under(field), "is missing");
  };
  const [apiVersion, kind] = [word("apiVersion"), word("kind")];
  if (apiVersion === undefined || kind === undefined) return [];
  if (kind === "List" && path === "") return readList(reader, fields.get("items")?.value);
  if (kind === "Namespace") return readNamespace(reader, node, path);
  const shape = Object.hasOwn(WORKLOADS, kind) ? WORKLOADS[kind] : undefined;
  if (shape) {
    const maker = shape.read(reader, node, path);
    return maker && isWhole(reader, kind, maker) ? [{ kind, maker }] : [];
  }
  const meant = nearest(kind, [...Object.keys(WORKLOADS), "Namespace"]);
  if (meant !== "" || !isOther(apiVersion, kind))
    reader.fail("SM_POLICY_FIELD", fields.get("kind")?.value, under("kind"), `unknown kind ${kind}${meant}`);
  return [];
}

function readList(reader: Reader, items: unknown): Found[] {
  // kubectl prints an empty list for nothing.
  if (items === undefined || (isScalar(items) && items.value === null)) return [];
  return (reader.list(items, "items") ?? []).flatMap((item, i) => readObject(reader, item, `items[${i}]`));
}

function readNamespace(reader: Reader, node: unknown, path: string): Found[] {
  const metadata = namespaceShape.read(reader, node, path)?.metadata;
  if (!metadata) return [];
  const { name, at, path: field, labels = {} } = metadata;
  const fail = (under: string, message: string): Found[] => {
    reader.errors.push(new SockmeshError("SM_POLICY_FIELD", message, { at, field: `${field}.${under}` }));
    return [];
  };
  if (name === undefined) return fail("name", "is missing");
  // Kubernetes sees to that; policies tell namespaces by it.
  if ((labels[NAMESPACE_NAME] ?? name) !== name)
    return fail(`labels.${NAMESPACE_NAME}`, `must be the namespace's name, ${name}`);
  return [{ kind: "Namespace", metadata }];
}

/** Notes what is wrong with an object although each of its fields is good. */
function isWhole(reader: Reader, kind: string, maker: PodMaker): boolean {
  const before = reader.errors.length;
  const { metadata, template } = maker;
  const { at, path } = metadata;
  if (nameOf(maker) === "")
    reader.errors.push(new SockmeshError("SM_POLICY_FIELD", "is missing", { at, field: `${path}.name` }));
  if (template !== undefined)
    for (const [name, { at, field }] of metadata.annotations ?? []) {
      const message = `is for pods, this is the ${kind}: write ${SETTINGS}${name} into ${template}.annotations`;
      reader.errors.push(new SockmeshError("SM_POLICY_FIELD", message, { at, field }));
    }
  return reader.errors.length === before;
}
