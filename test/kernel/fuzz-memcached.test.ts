// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { CommandFuzz } from "../fuzz/commands.js";
import { LineFuzz } from "../fuzz/lines.js";
import { FuzzProgram } from "../fuzz/program.js";

const SCALE = process.env.SOAK ? 10 : 1;
const COMMANDS = 1_000_000 * SCALE;
const ANSWERS = 200_000 * SCALE;
const HOUR = 3_600_000;
/** FUZZ_SEED repeats a run. */
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

describe("the BPF functions and TypeScript, memcached", () => {
  let program: FuzzProgram;
  beforeAll(() => void (program = FuzzProgram.load()));
  afterAll(() => program.close());

  test(
    "judge commands alike, and the kernel allows nothing else",
    () => {
      const fuzz = new CommandFuzz(program, SEED);
      fuzz.run(COMMANDS);
      const { counts } = fuzz;
      console.info(`fuzz, memcached commands: ${JSON.stringify(counts)}; seed ${SEED}`);
      expect(fuzz.disagreements).toEqual([]);
      const { allowed, denied, unsure, withValue, silent, lookups, longLines, longKeys } = counts;
      for (const count of [allowed, denied, unsure, withValue, silent, lookups, longLines, longKeys])
        expect(count).toBeGreaterThan(COMMANDS / 500);
    },
    HOUR * SCALE,
  );

  test(
    "frame answers alike, in one piece or in several",
    () => {
      const fuzz = new LineFuzz(program, SEED);
      fuzz.run(ANSWERS);
      const { counts } = fuzz;
      console.info(`fuzz, memcached answers: ${JSON.stringify(counts)}; seed ${SEED}`);
      expect(fuzz.disagreements).toEqual([]);
      const { moved, completed, withinValues, completedLookups, unsure, overrun } = counts;
      for (const count of [moved, completed, withinValues, completedLookups, unsure, overrun])
        expect(count).toBeGreaterThan(ANSWERS / 500);
    },
    HOUR * SCALE,
  );
});

/** Each is a fault in the kernel's half: what is compared above must show it, and soon. */
test.each(["BREAK_SILENT", "BREAK_KEY", "BREAK_LOOK", "BREAK_LINE", "BREAK_DIGITS"])(
  "a program with a fault is found out: %s",
  (fault) => {
    const program = FuzzProgram.load(fault);
    try {
      const [commands, lines] = [new CommandFuzz(program, SEED), new LineFuzz(program, SEED)];
      const found = (): number => commands.counts.disagreements + lines.counts.disagreements;
      for (let i = 0; i < 30 && found() === 0; i++) {
        commands.run(2000);
        lines.run(2000);
      }
      expect(found()).toBeGreaterThan(0);
    } finally {
      program.close();
    }
  },
);
