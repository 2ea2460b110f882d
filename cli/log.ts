// SPDX-License-Identifier: Apache-2.0
import { destination, pino } from "pino";
import type { Log } from "../core/log.js";

/** Structured log of the agent: one JSON line an event on standard error. Written at once, so that a crash loses none. */
export function makeLog(level: "debug" | "info" | "warn" | "error"): Log {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    destination({ dest: 2, sync: true }),
  );
}
