// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { InvalidArgumentError } from "commander";
import { SockmeshError } from "../core/errors.js";
import { parseManifest } from "../k8s/manifest.js";
import { SETTINGS, type Setting } from "../k8s/metadata.js";
import { choose, type Workload } from "../k8s/workload.js";
import { normalLabels } from "../l7policy/identity/labels.js";
import type { Level } from "../sockmap/engine.js";
import { levelOption, port, type EndpointFlags } from "./endpoint-flags.js";

/**
 * The endpoint of `--pod FILE[#NAME]`, as the flags change it: what they name wins, lists are joined.
 * Throws SM_MANIFEST_INVALID.
 */
export function withPod(where: string, flags: EndpointFlags): EndpointFlags {
  const workload = readWorkload(where);
  const settings = settingsOf(workload);
  const named = Object.keys(flags.portName).map((name) => name.toLowerCase());
  const level = flags.level ?? settings.level;
  return {
    name: flags.name ?? workload.name,
    label: { ...workload.labels, ...normalLabels(flags.label ?? {}) },
    ...(level && { level }),
    portOptOut: [...new Set([...settings.portOptOut, ...flags.portOptOut])],
    portName: {
      // The sidecar judges TCP: names of other ports fit no rule that it enforces.
      ...Object.fromEntries(
        workload.ports
          .filter(({ name, transport }) => transport === "TCP" && !named.includes(name))
          .map(({ name, port }) => [name, port]),
      ),
      ...flags.portName,
    },
  };
}

/** Names of Kubernetes have no `#`: what follows the last one is a name. */
function readWorkload(where: string): Workload {
  const hash = where.lastIndexOf("#");
  const [file, wanted] = hash < 0 ? [where, undefined] : [where.slice(0, hash), where.slice(hash + 1)];
  const read = parseManifest(file, textOf(file));
  if (!read.ok) throw read.errors[0] ?? new SockmeshError("SM_MANIFEST_INVALID", `${file} cannot be read`);
  return choose(file, read.workloads, wanted);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new SockmeshError("SM_MANIFEST_INVALID", `cannot be read: ${(cause as Error).message}`, {
      cause,
      at: { file, line: 1, column: 1 },
    });
  }
}

interface Settings {
  readonly level: Level | undefined;
  readonly portOptOut: readonly number[];
}

/** What the pods' annotations ask for; judged as the flags of these names are. */
function settingsOf({ settings }: Workload): Settings {
  const known: Record<string, (text: string) => Partial<Settings>> = {
    level: (text) => ({ level: levelOption().parseArg?.(text, undefined) as Level | undefined }),
    "port-opt-out": (text) => ({
      portOptOut: text.split(",").reduce((before, one) => port(one.trim(), before), [] as readonly number[]),
    }),
  };
  let read: Settings = { level: undefined, portOptOut: [] };
  for (const [name, setting] of settings) {
    const reads = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!reads) {
      const names = Object.keys(known).map((one) => `${SETTINGS}${one}`);
      throw wrong(setting, `there is no such annotation: sockmesh reads ${names.join(" and ")}`);
    }
    try {
      read = { ...read, ...reads(setting.value) };
    } catch (thrown) {
      if (!(thrown instanceof InvalidArgumentError)) throw thrown;
      throw wrong(setting, thrown.message, thrown);
    }
  }
  return read;
}

function wrong({ at, field }: Setting, message: string, cause?: unknown): SockmeshError {
  return new SockmeshError("SM_MANIFEST_INVALID", message, { cause, at, field });
}
