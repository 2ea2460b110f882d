// SPDX-License-Identifier: Apache-2.0
import type { Bench } from "./harness/bench.js";
import { figure, type Row } from "./harness/results.js";
import { median } from "./harness/runner.js";
import { alone, type Figures } from "./policy/alone.js";
import { sideBySide } from "./policy/rivals.js";
import { verdicts } from "./policy/verdicts.js";

/** The policy engine at scale: verdicts, compiling, resolving, and Envoy with as many rules side by side. */
export const policy: Bench = async ({ smoke, rounds, seconds, progress }) => {
  const times = rounds ?? (smoke ? 3 : 9);
  progress("verdicts");
  const rows = verdicts(times, smoke ? 50_000 : 200_000);
  const runs = smoke ? 1 : Math.min(times, 5);
  progress("compile");
  rows.push(...compileRows(await repeated("compile", runs)));
  progress("resolve");
  rows.push(...resolveRows(await repeated("resolve", runs)));
  return [...rows, ...(await sideBySide({ smoke, rounds, seconds, progress }))];
};

/** Medians of several fresh processes. */
async function repeated(what: string, runs: number): Promise<(name: string) => number> {
  const all: Figures[] = [];
  for (let run = 0; run < runs; run++) all.push(await alone(what));
  return (name) => Number(median(all.map((figures) => figures[name] ?? NaN)).toFixed(1));
}

function compileRows(of: (name: string) => number): Row[] {
  const row = (variant: string, value: number, unit: string, note: string): Row =>
    figure("10,000 path rules", variant, value, unit, note);
  return [
    row("compile", of("compileMs"), "ms", "rules to table; goal 2,000"),
    row("compile, memory", of("peakMb"), "MB", "highest resident memory less that before; goal 200"),
    row("table", Math.round(of("tableBytes") / 1024), "KiB", "what the kernel loads"),
    row("read", of("readMs"), "ms", "100 YAML files, nothing known yet"),
    row("one rule added: read", of("rereadMs"), "ms", "the file that changed, of 100 rules"),
    row("one rule added: effect", of("effectMs"), "ms", "new revision to its first verdict; goal 100"),
    row(
      "one rule added: table",
      of("tableMs"),
      "ms",
      "for the kernel, until then judged in TypeScript; goal 100",
    ),
  ];
}

function resolveRows(of: (name: string) => number): Row[] {
  const what = "1,000 endpoints x 1,000 policies";
  return [
    figure(
      what,
      "resolve",
      of("resolveMs"),
      "ms",
      "every endpoint to every other, both directions; goal 5,000",
    ),
    figure(what, "label change", of("labelMs"), "ms", "one endpoint, to and from all others; goal 50"),
  ];
}
