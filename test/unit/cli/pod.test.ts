// SPDX-License-Identifier: Apache-2.0
import { afterAll, describe, expect, test } from "@jest/globals";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EndpointFlags } from "../../../cli/endpoint-flags.js";
import { execCommand } from "../../../cli/exec.js";
import { withPod } from "../../../cli/pod.js";
import { SockmeshError } from "../../../core/errors.js";

const FOLDER = mkdtempSync(join(tmpdir(), "sockmesh-pod-"));
afterAll(() => rmSync(FOLDER, { recursive: true }));
let files = 0;

const NONE: EndpointFlags = { portOptOut: [], portName: {} };
const DERIVED = {
  "k8s:io.kubernetes.pod.namespace": "default",
  "k8s:io.cilium.k8s.policy.serviceaccount": "default",
};

/** A file with a pod of these annotations, its labels and ports always the same. */
function pod(annotations = ""): string {
  const file = join(FOLDER, `${++files}.yaml`);
  writeFileSync(
    file,
    `apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: { app: web, tier: a }
  annotations:
    a.test/x: "1"
${annotations.replace(/^/gm, "    ")}
spec:
  containers:
    - ports:
        - { name: http, containerPort: 80 }
        - { name: dns, containerPort: 53, protocol: UDP }
        - { name: metrics, containerPort: 9100 }
`,
  );
  return file;
}

/** What is wrong, the file left out. */
function failure(where: string, flags = NONE): string {
  try {
    withPod(where, flags);
  } catch (thrown) {
    if (!(thrown instanceof SockmeshError) || thrown.code !== "SM_MANIFEST_INVALID") throw thrown;
    return thrown.describe().replace(/^.*\.yaml:/, "");
  }
  throw new Error("nothing is wrong");
}

describe("what exec asks for with --pod", () => {
  test("the pod's labels, its ports of TCP, its name", () => {
    expect(withPod(pod(), NONE)).toEqual({
      name: "web",
      label: { ...DERIVED, "k8s:app": "web", "k8s:tier": "a" },
      portOptOut: [],
      portName: { http: 80, metrics: 9100 },
    });
  });

  test("flags win by key, whatever their source and case; others are added", () => {
    const annotations = 'sockmesh.io/level: splice\nsockmesh.io/port-opt-out: "9100, 22"';
    const flags: EndpointFlags = {
      name: "mine",
      label: { app: "other", track: "canary", "container:tier": "b" },
      level: "off",
      portOptOut: [22, 80],
      portName: { HTTP: 8080, admin: 81 },
    };
    expect(withPod(`${pod(annotations)}#web`, flags)).toEqual({
      name: "mine",
      label: {
        ...DERIVED,
        "k8s:app": "other",
        "k8s:tier": "a",
        "k8s:track": "canary",
        "container:tier": "b",
      },
      level: "off",
      portOptOut: [9100, 22, 80],
      portName: { metrics: 9100, HTTP: 8080, admin: 81 },
    });
    expect(withPod(pod(annotations), NONE)).toMatchObject({ level: "splice", portOptOut: [9100, 22] });
  });

  test.each([
    ["sockmesh.io/level: fast", "8:24", "level", "Allowed choices are off, shortcut, splice."],
    ['sockmesh.io/port-opt-out: "80,http"', "8:31", "port-opt-out", "a port is a number from 1 to 65535"],
    ['sockmesh.io/port-opt-out: ""', "8:31", "port-opt-out", "a port is a number from 1 to 65535"],
    ['sockmesh.io/port-opt-out: "65536"', "8:31", "port-opt-out", "a port is a number from 1 to 65535"],
    [
      'sockmesh.io/inject: "false"',
      "8:25",
      "inject",
      "there is no such annotation: sockmesh reads sockmesh.io/level and sockmesh.io/port-opt-out",
    ],
  ])("%s", (annotation, at, name, message) => {
    expect(failure(pod(annotation))).toBe(`${at}: metadata.annotations.sockmesh.io/${name}: ${message}`);
  });

  test("the same errors as the flags have", () => {
    const refused = (...flags: string[]): string => {
      try {
        execCommand()
          .exitOverride()
          .configureOutput({ writeErr: () => {} })
          .parse(["--label", "a=b", ...flags, "--", "true"], { from: "user" });
      } catch (thrown) {
        return (thrown as Error).message;
      }
      throw new Error("it is taken");
    };
    for (const [name, value] of [
      ["level", "fast"],
      ["port-opt-out", "http"],
    ] as const) {
      const [, message] =
        /annotations\.[^:]*: (.*)/.exec(failure(pod(`sockmesh.io/${name}: ${value}`))) ?? [];
      expect(message).toBeTruthy();
      expect(refused(`--${name}`, value)).toContain(message);
    }
  });

  test("no file, no such pod, nothing to be an endpoint by", async () => {
    expect(failure(`${pod()}#db`)).toBe("1:1: there is no workload db in it, but default/pod/web");
    expect(failure(join(FOLDER, "none.yaml"))).toMatch(/^1:1: cannot be read: ENOENT/);
    const exec = execCommand()
      .exitOverride()
      .configureOutput({ writeErr: () => {} });
    await expect(exec.parseAsync(["--", "true"], { from: "user" })).rejects.toThrow(
      /'--label <key=value>' or '--pod/,
    );
  });
});
