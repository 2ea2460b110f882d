// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { measure, median, type Load, type Variant } from "../../../../bench/harness/runner.js";

const scenario = { name: "s", connections: 1, bodyBytes: 100 };
const effort = { rounds: 3, seconds: 2, warmupSeconds: 1 };

/** Variants whose start and stop are written to `calls`; the port tells the load which one runs. */
function variants(calls: string[], ...names: string[]): Variant[] {
  return names.map((name, port) => ({
    name,
    unavailable: async () => undefined,
    async start() {
      calls.push(`+${name}`);
      return { port, pids: [], clientPrefix: [], stop: async () => void calls.push(`-${name}`) };
    },
  }));
}

test("median takes the middle, or the mean of the middle two", () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test("each round begins with another variant, and each variant stops before the next starts", async () => {
  const calls: string[] = [];
  const load: Load = async (_target, _scenario, seconds) => {
    calls.push(`${seconds}s`);
    return { rps: 1, p50us: 1, p99us: 1, cpuUsPerRequest: 1 };
  };
  await measure([scenario], variants(calls, "direct", "b"), load, { ...effort, rounds: 2 }, () => {});
  const run = (name: string): string[] => [`+${name}`, "1s", "2s", `-${name}`];
  expect(calls).toEqual([...run("direct"), ...run("b"), ...run("b"), ...run("direct")]);
});

test("ratios are taken within a round, then the median of them", async () => {
  // Medians of rps alone would give 30/100; the machine was slow in one round for both.
  const rps = [
    [100, 10, 1000],
    [30, 9, 310],
  ];
  const round = [0, 0];
  const load: Load = async ({ port }, _scenario, seconds) => ({
    rps: rps[port]?.[seconds === 1 ? 0 : (round[port] as number)] ?? 0,
    p50us: seconds === 1 ? 0 : (round[port] = (round[port] as number) + 1),
    p99us: 7,
    cpuUsPerRequest: 2.345,
  });
  const rows = await measure([scenario], variants([], "direct", "b"), load, effort, () => {});
  expect(rows).toEqual([
    {
      ...{ scenario: "s", connections: 1, bodyBytes: 100, variant: "direct" },
      ...{ rps: 100, p50us: 2, p99us: 7, cpuUsPerRequest: 2.35, ratioToDirect: 1 },
      note: "3 rounds, ratio 1.00 to 1.00",
    },
    {
      ...{ scenario: "s", connections: 1, bodyBytes: 100, variant: "b" },
      ...{ rps: 30, p50us: 2, p99us: 7, cpuUsPerRequest: 2.35, ratioToDirect: 0.31 },
      note: "3 rounds, ratio 0.30 to 0.90",
    },
  ]);
});

test("a variant whose load fails is stopped and named", async () => {
  const calls: string[] = [];
  const load: Load = async () => {
    throw new Error("3 errors");
  };
  await expect(measure([scenario], variants(calls, "direct"), load, effort, () => {})).rejects.toThrow(
    "direct, s: 3 errors",
  );
  expect(calls).toEqual(["+direct", "-direct"]);
});

test("without the baseline there is no ratio", async () => {
  const load: Load = async () => ({ rps: 5, p50us: 1, p99us: 1, cpuUsPerRequest: 1 });
  const rows = await measure([scenario], variants([], "b"), load, effort, () => {});
  expect(rows[0]).toMatchObject({ ratioToDirect: null, note: "3 rounds" });
});
