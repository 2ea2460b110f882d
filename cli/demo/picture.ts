// SPDX-License-Identifier: Apache-2.0
import { table } from "../output.js";
import type { LevelResult } from "./measure.js";
import type { RequestResult } from "./requests.js";

const BAR = 40;

/** The requests as a table. */
export function requestTable(requests: readonly RequestResult[]): string {
  const rows = requests.map(({ from, to, request, expected, got }) => [
    from,
    to,
    request,
    String(expected),
    String(got),
    expected === got ? "as expected" : "WRONG",
  ]);
  return `\n${table(["from", "to", "request", "expected", "got", ""], rows, ["expected", "got"])}\n`;
}

/** The levels as a table, each with a bar as long as its requests per second. */
export function levelTable(levels: readonly LevelResult[], tool: string, because: string | null): string {
  const most = Math.max(...levels.map(({ rps }) => rps));
  const rows = levels.map((level) => [
    level.level,
    level.rps.toFixed(0),
    level.p50us.toFixed(0),
    level.p99us.toFixed(0),
    // Microseconds for one are milliseconds for a thousand.
    level.cpuUsPerRequest.toFixed(1),
    `${(level.kernelBytesShare * 100).toFixed(1)} %`,
    "█".repeat(Math.max(1, Math.round((level.rps / most) * BAR))),
  ]);
  const head = ["level", "req/s", "p50 µs", "p99 µs", "CPU ms / 1000 req", "moved by the kernel", ""];
  return [
    "",
    table(head, rows, head.slice(1, 6)),
    "",
    `Load by ${tool}, 16 connections, median of 3 rounds; CPU of client, sidecar and service together.`,
    ...(because ? [`No higher level, because ${because}.`] : []),
  ].join("\n");
}
