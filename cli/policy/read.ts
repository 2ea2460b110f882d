// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { Option } from "commander";
import { SockmeshError } from "../../core/errors.js";
import { readFile } from "../../l7policy/cases/cases.js";
import { NO_WORLD, worldFile, type World } from "../../l7policy/cases/world.js";
import type { Policy } from "../../l7policy/model.js";
import { EVERYTHING } from "../../l7policy/resolve/enforce.js";
import { loadPolicies, policyFiles } from "../agent/policies.js";

/** Policies of files and directories, whether the agent could enforce them or not. Throws the first error. */
export function readPolicies(paths: readonly string[]): readonly Policy[] {
  const { policies, errors } = loadPolicies(paths.flatMap(policyFiles), EVERYTHING);
  if (errors[0]) throw errors[0];
  return policies;
}

/** Who there is, of `--endpoints`. Throws SM_CONFIG_INVALID when it cannot be read, else its first error. */
export function readWorld(path: string | undefined): World {
  if (path === undefined) return NO_WORLD;
  const read = readFile(worldFile, path, readText(path));
  if (read.ok) return read.value;
  throw read.errors[0] ?? new SockmeshError("SM_CONFIG_INVALID", `${path} cannot be read`);
}

/** Text of a file. Throws SM_CONFIG_INVALID. */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new SockmeshError("SM_CONFIG_INVALID", `${path}: ${(cause as Error).message}`, { cause });
  }
}

/** `--endpoints FILE`, of several commands. */
export function endpointsOption(): Option {
  return new Option("--endpoints <file>", "who there is: endpoints, services, names; see docs/policy.md");
}

/** `--mode MODE`, of several commands. */
export function modeOption(): Option {
  return new Option("--mode <mode>", "enforcement mode")
    .choices(["default", "always", "never"])
    .default("default");
}
