// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { FuzzProgram } from "../fuzz/program.js";
import { KERNEL_COUNTS_LINES, RequestFuzz } from "../fuzz/requests.js";
import { ResponseFuzz } from "../fuzz/responses.js";

const SCALE = process.env.SOAK ? 100 : 1;
const HEADS = 1_000_000 * SCALE;
const RESPONSES = 150_000 * SCALE;
const HOUR = 3_600_000;
/** FUZZ_SEED repeats a run. */
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** One line of what happened, for the log of the run. */
function say(what: string, counts: object, seconds: number, program: FuzzProgram): void {
  const numbers = Object.entries(counts).map(([name, count]) => `${count} ${words(name)}`);
  const inKernel = (program.nanoseconds / 1e9).toFixed(1);
  console.info(
    `fuzz, ${what}: ${numbers.join(", ")}; ${seconds.toFixed(0)} s, ${inKernel} s in the kernel; seed ${SEED}`,
  );
}

const words = (name: string): string => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

describe("the BPF functions and TypeScript", () => {
  let program: FuzzProgram;
  beforeAll(() => void (program = FuzzProgram.load()));
  afterAll(() => program.close());

  test(
    "judge request heads alike, and the kernel allows nothing else",
    () => {
      const fuzz = new RequestFuzz(program, SEED);
      const started = performance.now();
      program.nanoseconds = 0;
      fuzz.run(HEADS);
      const { counts } = fuzz;
      const all = { ...counts, ruleSets: fuzz.ruleSets.size };
      say("requests", all, (performance.now() - started) / 1000, program);
      expect(fuzz.disagreements).toEqual([]);
      expect(counts.tooManyLines > 0).toBe(!KERNEL_COUNTS_LINES);
      // Every kind of answer was among them.
      const { allowed, denied, unsure, refused, short, withBody, tooLong } = counts;
      for (const count of [allowed, denied, unsure, refused, short, withBody, tooLong])
        expect(count).toBeGreaterThan(HEADS / 10_000);
      expect(allowed).toBeGreaterThan(HEADS / 20);
      expect(fuzz.ruleSets.size).toBeGreaterThan(HEADS / 20_000);
    },
    HOUR * SCALE,
  );

  test(
    "frame responses alike, in one piece or in several",
    () => {
      const fuzz = new ResponseFuzz(program, SEED);
      const started = performance.now();
      program.nanoseconds = 0;
      fuzz.run(RESPONSES);
      const { counts } = fuzz;
      say("responses", counts, (performance.now() - started) / 1000, program);
      expect(fuzz.disagreements).toEqual([]);
      expect(counts.tooManyLines > 0).toBe(!KERNEL_COUNTS_LINES);
      const { moved, completed, inChunks, chunkedCompleted, withoutBody, unsure, overrun } = counts;
      for (const count of [moved, completed, inChunks, chunkedCompleted, withoutBody, unsure, overrun])
        expect(count).toBeGreaterThan(RESPONSES / 200);
    },
    HOUR * SCALE,
  );
});

/** Each is a fault in the kernel's half: what is compared above must show it, and soon. */
test.each(["BREAK_ONCE", "BREAK_RULE", "BREAK_LAST", "BREAK_BODILESS", "BREAK_CLASSES", "BREAK_PULL"])(
  "a program with a fault is found out: %s",
  (fault) => {
    const program = FuzzProgram.load(fault);
    try {
      const [requests, responses] = [new RequestFuzz(program, SEED), new ResponseFuzz(program, SEED)];
      const found = (): number => requests.counts.disagreements + responses.counts.disagreements;
      for (let i = 0; i < 30 && found() === 0; i++) {
        requests.run(2000);
        responses.run(2000);
      }
      expect(found()).toBeGreaterThan(0);
    } finally {
      program.close();
    }
  },
);
