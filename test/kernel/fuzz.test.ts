// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { askAll } from "../fuzz/ask.js";
import { policyView } from "../fuzz/codec.js";
import { FuzzProgram } from "../fuzz/program.js";
import { RequestFuzz } from "../fuzz/requests.js";
import { ResponseFuzz } from "../fuzz/responses.js";
import { HeadSample } from "../fuzz/sample.js";
import { startNginx, startNode } from "../fuzz/servers.js";

const SCALE = process.env.SOAK ? 100 : 1;
const HEADS = 1_000_000 * SCALE;
const RESPONSES = 150_000 * SCALE;
/** Random heads that servers are asked about, each of another shape. */
const SHAPES = 4000;
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
      const all = { ...counts, ruleSets: fuzz.ruleSets };
      say("requests", all, (performance.now() - started) / 1000, program);
      expect(fuzz.disagreements).toEqual([]);
      // Every kind of answer was among them.
      const {
        allowed,
        denied,
        unsure,
        refused,
        short,
        withBody,
        tooManyLines,
        inMediumTables,
        inLargeTables,
        recalled,
      } = counts;
      for (const count of [
        allowed,
        denied,
        unsure,
        refused,
        short,
        withBody,
        tooManyLines,
        inMediumTables,
        inLargeTables,
      ])
        expect(count).toBeGreaterThan(HEADS / 10_000);
      expect(allowed).toBeGreaterThan(HEADS / 20);
      expect(recalled).toBeGreaterThan(HEADS / 100);
      expect(fuzz.ruleSets).toBeGreaterThan(HEADS / 20_000);
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
      const { moved, completed, inChunks, chunkedCompleted, withoutBody, unsure, overrun, recalled } = counts;
      for (const count of [
        moved,
        completed,
        inChunks,
        chunkedCompleted,
        withoutBody,
        unsure,
        overrun,
        recalled,
      ])
        expect(count).toBeGreaterThan(RESPONSES / 200);
    },
    HOUR * SCALE,
  );
});

describe("of the heads that the kernel allows", () => {
  let heads: Buffer[];
  beforeAll(() => {
    const program = FuzzProgram.load();
    try {
      const sample = new HeadSample(program, SEED);
      sample.addEveryByte();
      sample.addRandom(sample.heads.size + SHAPES);
      heads = [...sample.heads.values()];
    } finally {
      program.close();
    }
  });

  test.each([
    ["nginx", startNginx],
    ["node:http", startNode],
  ])(
    "%s reads the same method, path, host, header values and length as policy",
    async (_, start) => {
      const server = await start();
      try {
        const { agreed, refused, differing } = await askAll(server, heads, policyView);
        const statuses = [...refused].map(([status, count]) => `${count} refused with ${status}`).join(", ");
        console.info(
          `fuzz, ${server.name}: ${heads.length} heads, ${agreed} read as by policy, ` +
            `${statuses || "none refused"}, ${differing.length} read otherwise; seed ${SEED}`,
        );
        expect(differing.slice(0, 10)).toEqual([]);
        expect(agreed).toBeGreaterThan(heads.length * 0.9);
        // A policy that saw something else would be found out.
        for (const other of [{ target: "/other" }, { method: "OTHER" }, { headers: [] }]) {
          const wrong = await askAll(server, heads.slice(0, 50), (head) => ({
            ...policyView(head),
            ...other,
          }));
          expect(wrong.agreed).toBe(0);
        }
      } finally {
        await server.stop();
      }
    },
    HOUR,
  );
});

/** Each is a fault in the kernel's half: what is compared above must show it, and soon. */
test.each([
  "BREAK_ONCE",
  "BREAK_RULE",
  "BREAK_LAST",
  "BREAK_BODILESS",
  "BREAK_CLASSES",
  "BREAK_PULL",
  "BREAK_SKIP",
  "BREAK_SERIAL",
  "BREAK_REPEATS",
])("a program with a fault is found out: %s", (fault) => {
  const program = FuzzProgram.load(fault);
  try {
    // Some faults show with few rule sets only: each one is new.
    const requests = new RequestFuzz(program, SEED, 1);
    const responses = new ResponseFuzz(program, SEED);
    const found = (): number => requests.counts.disagreements + responses.counts.disagreements;
    for (let i = 0; i < 100 && found() === 0; i++) {
      requests.run(1000);
      responses.run(1000);
    }
    expect(found()).toBeGreaterThan(0);
  } finally {
    program.close();
  }
});
