// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cpuUs } from "./cpu.js";
import { scratch, start } from "./process.js";
import { reportOf } from "./report.js";
import type { Load } from "./runner.js";

/** Of the sources: the built bench runs from dist/. */
const SOURCE = fileURLToPath(new URL("../../../bench/clients/memcached.c", import.meta.url));

let compiled: string | undefined;

/** The load generator, compiled once. Those of libmemcached-tools choose their keys themselves, so that no rule on a prefix fits. */
function client(): string {
  if (compiled === undefined) {
    compiled = join(scratch(), "memcached-load");
    execFileSync("gcc", ["-O2", "-std=gnu11", SOURCE, "-o", compiled], {
      stdio: ["ignore", "inherit", "inherit"],
    });
  }
  return compiled;
}

/**
 * Load of lookups and stores, each connection with one command at a time. Any wrong answer fails the measurement.
 * @param keys of one lookup
 * @param stores of a hundred commands
 */
export function memcachedLoad(keys: number, stores: number): Load {
  return async (target, scenario, seconds) => {
    const { connections, bodyBytes } = scenario;
    const flags = { p: target.port, c: connections, b: bodyBytes, k: keys, w: stores, d: seconds };
    const command = [
      client(),
      ...Object.entries(flags).flatMap(([flag, value]) => [`-${flag}`, String(value)]),
    ];
    const before = cpuUs(target.pids);
    const output = await start([...target.clientPrefix, ...command]).done();
    const path = cpuUs(target.pids) - before;
    const report = reportOf("the client", output);
    return {
      rps: (report.requests / report.durationUs) * 1e6,
      p50us: report.p50us,
      p99us: report.p99us,
      cpuUsPerRequest: path / report.requests,
    };
  };
}
