// SPDX-License-Identifier: Apache-2.0
import { createRequire } from "node:module";
import { cpuUs } from "../../bench/harness/cpu.js";
import { start } from "../../bench/harness/process.js";
import type { Load } from "../../bench/harness/runner.js";
import { SockmeshError } from "../../core/errors.js";

/** The part of autocannon's JSON that is used; latencies are whole milliseconds. */
interface Report {
  readonly requests: { readonly total: number };
  readonly latency: { readonly p50: number; readonly p99: number };
  readonly duration: number;
  readonly errors: number;
  readonly timeouts: number;
  readonly non2xx: number;
}

/** Load by autocannon, for machines without wrk: slower, and coarse in its latencies. Errors fail the measurement. */
export function autocannon(path: string): Load {
  let program: string;
  try {
    program = createRequire(import.meta.url).resolve("autocannon/autocannon.js");
  } catch (cause) {
    throw new SockmeshError("SM_TOOL_MISSING", "neither wrk nor autocannon is installed", { cause });
  }
  return async (target, scenario, seconds) => {
    const url = `http://127.0.0.1:${target.port}${path}`;
    const options = ["-j", "-n", "-c", String(scenario.connections), "-d", String(seconds), url];
    const before = cpuUs([process.pid, ...target.pids]);
    const output = await start([...target.clientPrefix, process.execPath, program, ...options]).done();
    const line = output.split("\n").find((one) => one.startsWith("{"));
    const report = JSON.parse(line ?? "null") as Report | null;
    if (!report || report.requests.total === 0) throw new Error(`autocannon reported nothing:\n${output}`);
    if (report.errors + report.timeouts + report.non2xx > 0)
      throw new Error(`autocannon saw errors: ${line}`);
    return {
      rps: report.requests.total / report.duration,
      p50us: report.latency.p50 * 1000,
      p99us: report.latency.p99 * 1000,
      cpuUsPerRequest: (cpuUs([process.pid, ...target.pids]) - before) / report.requests.total,
    };
  };
}
