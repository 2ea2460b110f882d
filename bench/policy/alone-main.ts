// SPDX-License-Identifier: Apache-2.0
import type { Figures } from "./alone.js";
import { compileMany } from "./compile.js";
import { resolveMany } from "./resolve.js";

const MEASUREMENTS: Readonly<Record<string, () => Figures>> = { compile: compileMany, resolve: resolveMany };

const what = process.argv[2] ?? "";
const measurement = MEASUREMENTS[what];
if (!measurement) throw new Error(`no measurement ${what}`);
process.stdout.write(JSON.stringify(measurement()));
