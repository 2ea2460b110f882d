// SPDX-License-Identifier: Apache-2.0
import { measure, type Load, type Variant } from "../../bench/harness/runner.js";
import { wrk } from "../../bench/harness/wrk.js";
import { missing } from "../../bench/variants/tools.js";
import type { Level } from "../../sockmap/engine.js";
import { autocannon } from "./autocannon.js";
import type { Stage } from "./stage.js";

/** What one level costs. Times are microseconds. */
export interface LevelResult {
  readonly level: Level | "direct";
  readonly rps: number;
  readonly p50us: number;
  readonly p99us: number;
  /** CPU time of client, sidecar and service. */
  readonly cpuUsPerRequest: number;
  /** Share of the bytes between the three that the kernel moved past TCP, 0 to 1. */
  readonly kernelBytesShare: number;
}

const CONNECTIONS = 16;
const ROUNDS = 3;
const PATH = "/products/1";
const LEVELS: readonly Level[] = ["off", "shortcut", "splice"];

/** The load generator that this machine has. */
export function loadTool(): { readonly name: string; readonly load: Load } {
  const noWrk = missing("wrk");
  return noWrk === undefined
    ? { name: "wrk", load: wrk(() => PATH, []) }
    : { name: `autocannon (${noWrk})`, load: autocannon(PATH) };
}

/** Measures the service with nothing between and at each level that the engine reaches, in turn, medians of rounds. */
export async function measureLevels(
  stage: Stage,
  load: Load,
  seconds: number,
  progress: (line: string) => void,
): Promise<LevelResult[]> {
  const shares = new Map<string, { kernel: number; all: number }>();
  const reached = LEVELS.slice(0, LEVELS.indexOf(stage.agent.engine.level) + 1);
  const variants = (["direct", ...reached] as const).map((level) => variant(stage, level, shares));
  const scenario = { name: `${CONNECTIONS} connections`, connections: CONNECTIONS, bodyBytes: 0 };
  const rows = await measure(
    [scenario],
    variants,
    load,
    { rounds: ROUNDS, seconds, warmupSeconds: 1 },
    progress,
  );
  return rows.map((row) => {
    const { kernel, all } = shares.get(row.variant) ?? { kernel: 0, all: 0 };
    return {
      level: row.variant as LevelResult["level"],
      rps: row.rps ?? 0,
      p50us: row.p50us ?? 0,
      p99us: row.p99us ?? 0,
      cpuUsPerRequest: row.cpuUsPerRequest ?? 0,
      kernelBytesShare: all > 0 ? kernel / all : 0,
    };
  });
}

function variant(
  stage: Stage,
  level: Level | "direct",
  shares: Map<string, { kernel: number; all: number }>,
): Variant {
  return {
    name: level,
    unavailable: () => Promise.resolve(undefined),
    async start() {
      const service = await stage.startService(level);
      const { totals: before } = await stage.status();
      return {
        port: stage.port(level),
        pids: level === "direct" ? [service.pid] : [service.pid, stage.agentPid],
        clientPrefix: level === "direct" ? [] : stage.as("frontend"),
        async stop() {
          const { totals } = await stage.status();
          const kernel = totals.kernelBytes - before.kernelBytes;
          const sum = shares.get(level) ?? { kernel: 0, all: 0 };
          shares.set(level, {
            kernel: sum.kernel + kernel,
            all: sum.all + kernel + totals.tcpBytes - before.tcpBytes,
          });
          await service.stop();
        },
      };
    },
  };
}
