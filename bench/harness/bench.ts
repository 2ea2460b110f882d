// SPDX-License-Identifier: Apache-2.0
import type { Row } from "./results.js";

/** What the user asked of a bench. */
export interface BenchOptions {
  /** The short form: proves that all parts work; its figures are rough. */
  readonly smoke: boolean;
  /** Rounds and seconds of one measurement; undefined for the bench's own. */
  readonly rounds: number | undefined;
  readonly seconds: number | undefined;
  /** Receives one line for each step. */
  readonly progress: (line: string) => void;
}

/** One bench: measures and returns its rows; a rejection means that some part does not work. */
export type Bench = (options: BenchOptions) => Promise<Row[]>;
