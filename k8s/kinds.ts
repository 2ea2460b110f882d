// SPDX-License-Identifier: Apache-2.0
import { optional, required } from "../l7policy/shape/object.js";
import { choice, convert, type Shape } from "../l7policy/shape/shape.js";
import { excerpt } from "./excerpt.js";
import { objectMetadata, podMetadata, type Metadata } from "./metadata.js";
import { podSpec, type PodSpec } from "./pod.js";

/** An object that is a pod, or makes pods. */
export interface PodMaker {
  readonly metadata: Metadata;
  /** Metadata of its pods; undefined for none. */
  readonly podMetadata: Metadata | undefined;
  readonly podSpec: PodSpec;
  /** Field of the pods' metadata, for messages; undefined when it is a pod itself. */
  readonly template: string | undefined;
}

const head = (apiVersion: string, kind: string) => ({
  apiVersion: required(choice([apiVersion]), apiVersion),
  kind: required(choice([kind]), kind),
});
const template = excerpt({
  metadata: optional(podMetadata, "Metadata of the pods."),
  spec: required(podSpec, "What the pods are."),
});
const withTemplate = excerpt({ template: required(template, "The pods.") });

const pod: Shape<PodMaker> = convert(
  excerpt({
    ...head("v1", "Pod"),
    metadata: required(podMetadata, "Name, namespace, labels."),
    spec: required(podSpec, "What the pod is."),
  }),
  ({ metadata, spec }) => ({ metadata, podMetadata: metadata, podSpec: spec, template: undefined }),
);

function controller(apiVersion: string, kind: string): Shape<PodMaker> {
  return convert(
    excerpt({
      ...head(apiVersion, kind),
      metadata: required(objectMetadata, "Name and namespace."),
      spec: required(withTemplate, "What it makes."),
    }),
    ({ metadata, spec }) => maker(metadata, spec.template, "spec.template.metadata"),
  );
}

const cronJob: Shape<PodMaker> = convert(
  excerpt({
    ...head("batch/v1", "CronJob"),
    metadata: required(objectMetadata, "Name and namespace."),
    spec: required(
      excerpt({ jobTemplate: required(excerpt({ spec: required(withTemplate, "The job.") }), "Its jobs.") }),
      "What it makes.",
    ),
  }),
  ({ metadata, spec }) =>
    maker(metadata, spec.jobTemplate.spec.template, "spec.jobTemplate.spec.template.metadata"),
);

function maker(
  metadata: Metadata,
  made: { readonly metadata: Metadata | undefined; readonly spec: PodSpec },
  field: string,
): PodMaker {
  return { metadata, podMetadata: made.metadata, podSpec: made.spec, template: field };
}

/** Kinds whose objects are workloads. */
export const WORKLOADS: Readonly<Record<string, Shape<PodMaker>>> = {
  Pod: pod,
  Deployment: controller("apps/v1", "Deployment"),
  StatefulSet: controller("apps/v1", "StatefulSet"),
  DaemonSet: controller("apps/v1", "DaemonSet"),
  ReplicaSet: controller("apps/v1", "ReplicaSet"),
  Job: controller("batch/v1", "Job"),
  CronJob: cronJob,
};

/** A namespace: workloads have its labels too. */
export const namespaceShape = excerpt({
  ...head("v1", "Namespace"),
  metadata: required(objectMetadata, "Name and labels."),
});

/** What else may stand in a file, of the API groups that workloads are of. All of other groups may. */
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  v1: [
    ...["Binding", "ConfigMap", "Endpoints", "Event", "LimitRange", "Node", "PersistentVolume"],
    ...[
      "PersistentVolumeClaim",
      "PodTemplate",
      "ReplicationController",
      "ResourceQuota",
      "Secret",
      "Service",
    ],
    "ServiceAccount",
  ],
  "apps/v1": ["ControllerRevision"],
  "batch/v1": [],
};

/** True when an object is of no concern here; false when there is no such kind. */
export function isOther(apiVersion: string, kind: string): boolean {
  return Object.hasOwn(OTHERS, apiVersion) ? (OTHERS[apiVersion] ?? []).includes(kind) : true;
}
