// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

function packageRoot(): string {
  const folder = dirname(dirname(fileURLToPath(import.meta.url)));
  return basename(folder) === "dist" ? dirname(folder) : folder;
}

/** Folder of the installed package: the sources lie directly below it, the built files below its dist/. */
export const PACKAGE_ROOT = packageRoot();

/** Version of this build. */
export const VERSION = (
  JSON.parse(readFileSync(join(PACKAGE_ROOT, "package.json"), "utf8")) as { version: string }
).version;
