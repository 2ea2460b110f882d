// SPDX-License-Identifier: Apache-2.0
import { SockmeshError, type SourcePosition } from "../core/errors.js";
import {
  NAMESPACE_LABEL,
  NAMESPACE_LABELS,
  NAMESPACE_NAME,
  SERVICE_ACCOUNT_LABEL,
  normalLabels,
} from "../l7policy/identity/labels.js";
import type { NamedPort } from "../l7policy/identity/tables.js";
import type { Labels } from "../l7policy/policy.js";
import type { PodMaker } from "./kinds.js";
import type { Setting } from "./metadata.js";

/** What an endpoint needs to know of the pods that a manifest describes; all of them are alike. */
export interface Workload {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly at: SourcePosition;
  /** As Cilium derives them, keys with their source. */
  readonly labels: Labels;
  readonly ports: readonly NamedPort[];
  /** The pods' annotations for sockmesh, by what follows the slash. */
  readonly settings: ReadonlyMap<string, Setting>;
}

/** What Kubernetes names the job of a pod by. */
const JOB_LABELS = ["batch.kubernetes.io/job-name", "job-name"];

/**
 * The workload of an object.
 * @param namespaceLabels labels of its namespace, as far as they are known
 */
export function workloadOf(kind: string, object: PodMaker, namespaceLabels: Labels = {}): Workload {
  const { metadata, podMetadata, podSpec } = object;
  const namespace = namespaceOf(object);
  const job = kind === "Job" ? metadata.name : undefined;
  const labels = {
    ...podMetadata?.labels,
    ...Object.fromEntries(job === undefined ? [] : JOB_LABELS.map((key) => [key, job])),
    ...Object.fromEntries(
      Object.entries(namespaceLabels)
        // Policies find the namespace's name by its own label, which is there also where the namespace is not described.
        .filter(([key]) => key !== NAMESPACE_NAME)
        .map(([key, value]) => [`${NAMESPACE_LABELS}${key}`, value]),
    ),
    [NAMESPACE_LABEL]: namespace,
    [SERVICE_ACCOUNT_LABEL]: podSpec.serviceAccount,
  };
  return {
    kind,
    name: nameOf(object),
    namespace,
    at: metadata.at,
    labels: normalLabels(labels),
    ports: podSpec.ports,
    settings: podMetadata?.annotations ?? new Map(),
  };
}

/** Namespace of an object. */
export function namespaceOf({ metadata }: PodMaker): string {
  return metadata.namespace ?? "default";
}

/** Name of an object; as far as it is known where Kubernetes completes it. */
export function nameOf({ metadata }: PodMaker): string {
  return metadata.name ?? metadata.generateName ?? "";
}

/**
 * The workload that somebody means by a name, `NAMESPACE/NAME`, `KIND/NAME` or `NAMESPACE/KIND/NAME`; without a name
 * the only one. Throws SM_MANIFEST_INVALID when there is none or more than one.
 */
export function choose(file: string, workloads: readonly Workload[], wanted: string | undefined): Workload {
  const fit =
    wanted === undefined ? workloads : workloads.filter((one) => forms(one).includes(wanted.toLowerCase()));
  if (fit.length === 1 && fit[0]) return fit[0];
  const which = wanted === undefined ? "" : ` ${wanted}`;
  const listed = (some: readonly Workload[]): string => some.map((one) => forms(one)[0]).join(", ");
  const message =
    fit.length > 1
      ? `name one of its workloads${which}: #${fit.map((one) => forms(one)[0]).join(", #")}`
      : workloads.length > 0
        ? `there is no workload${which} in it, but ${listed(workloads)}`
        : "there is no workload in it";
  throw new SockmeshError("SM_MANIFEST_INVALID", message, { at: { file, line: 1, column: 1 } });
}

/** How a workload may be called, the whole form first. */
function forms({ kind, name, namespace }: Workload): string[] {
  const lower = kind.toLowerCase();
  return [`${namespace}/${lower}/${name}`, `${namespace}/${name}`, `${lower}/${name}`, name];
}
