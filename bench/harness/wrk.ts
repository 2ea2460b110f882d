// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { cpuUs } from "./cpu.js";
import { scratch, start } from "./process.js";
import { reportOf } from "./report.js";
import type { Load } from "./runner.js";

/** Makes wrk print its figures as one line of JSON; latencies are in microseconds. */
const REPORT = `done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\nREPORT {"requests":%d,"durationUs":%d,"p50us":%d,"p99us":%d,"errors":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
`;

/**
 * Load by wrk with one thread, which is never the bottleneck of a one-threaded proxy and leaves the other core to it.
 * Any error or status over 399 fails the measurement: it would compare unlike things.
 * @param more Lua that changes what is sent
 */
export function wrk(path: (bodyBytes: number) => string, headers: readonly string[], more = ""): Load {
  const script = join(scratch(), "report.lua");
  writeFileSync(script, REPORT + more);
  return async (target, scenario, seconds) => {
    const command = [
      "wrk",
      "-t1",
      `-c${scenario.connections}`,
      `-d${seconds}s`,
      "--timeout",
      "10s",
      "-s",
      script,
    ];
    for (const header of headers) command.push("-H", header);
    command.push(`http://127.0.0.1:${target.port}${path(scenario.bodyBytes)}`);
    const before = cpuUs(target.pids);
    // `times` tells the CPU time of wrk alone, without the prefix that may have started it.
    const output = await start([
      ...target.clientPrefix,
      "sh",
      "-c",
      '"$@" && times',
      "sh",
      ...command,
    ]).done();
    const pathUs = cpuUs(target.pids) - before;
    const report = reportOf("wrk", output);
    return {
      rps: (report.requests / report.durationUs) * 1e6,
      p50us: report.p50us,
      p99us: report.p99us,
      cpuUsPerRequest: (pathUs + childrenUs(output)) / report.requests,
    };
  };
}

/** The second line that the shell's `times` prints: user and system time of its children, e.g. `0m1.2s 0m0.5s`. */
function childrenUs(output: string): number {
  const line = output.trimEnd().split("\n").at(-1) ?? "";
  let us = 0;
  for (const [, minutes, seconds] of line.matchAll(/(\d+)m([\d.]+)s/g))
    us += (Number(minutes) * 60 + Number(seconds)) * 1e6;
  return us;
}
