// SPDX-License-Identifier: Apache-2.0
import { fileURLToPath } from "node:url";
import { start } from "../harness/process.js";

/** What a measurement in a process of its own reports: figures by name. */
export type Figures = Readonly<Record<string, number>>;

/** Measures in a fresh process: what an earlier measurement compiled, or made V8 optimise or keep, does not count. */
export async function alone(what: string): Promise<Figures> {
  const script = fileURLToPath(new URL("./alone-main.js", import.meta.url));
  const output = await start([process.execPath, script, what]).done();
  return JSON.parse(output) as Figures;
}
