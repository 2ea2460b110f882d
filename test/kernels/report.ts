// SPDX-License-Identifier: Apache-2.0
import type { Level } from "../../sockmap/engine.js";

/** What a guest is to do. */
export interface Task {
  /** About so long the order test runs at each level; 0: it does not. */
  readonly seconds: number;
  readonly seed: number;
}

/** What became of two connections to a service that reads as sockmaps do not allow. */
export interface ReaderReport {
  readonly reader: "splice" | "asking";
  readonly level: Level;
  /** Legs at the level. */
  readonly reached: number;
  /** How often the reader was seen. */
  readonly seen: number;
  /** True when the service is among the incompatible endpoints. */
  readonly listed: boolean;
  /** Legs that stayed on TCP for that. */
  readonly off: number;
  readonly answered: readonly boolean[];
  /** Whether FIONREAD was right, of each request that the service read. */
  readonly right: readonly boolean[];
}

/** Begins each line of a guest's console that is for us. */
export const REPORT_MARK = "@@ ";

/** One line of a guest's report. */
export type Report =
  | { readonly release: string; readonly version: string }
  | { readonly program: string; readonly verified: number }
  | { readonly program: string; readonly failed: string }
  | ReaderReport
  | { readonly engine: string; readonly level: Level; readonly because: string }
  | {
      readonly order: Level;
      readonly seed: number;
      readonly requests: number;
      readonly answered: number;
      /** Requests answered wrongly or never, and what the service saw that it must not. */
      readonly errors: number;
      /** Connections at the level. */
      readonly reached: number;
      /** Messages that the kernel moved. */
      readonly fast: number;
      readonly seconds: number;
      readonly said: string;
    };
