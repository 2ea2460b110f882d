// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { kernelEngine, runs, SOCKMESH, WITHOUT_ROOT, type Ended } from "../../support/cli.js";

interface Level {
  level: string;
  rps: number;
  p50us: number;
  p99us: number;
  cpuUsPerRequest: number;
  kernelBytesShare: number;
}

interface Demo {
  requests: { from: string; to: string; request: string; expected: number; got: number }[];
  levels: Level[];
}

const kernel = await kernelEngine();
const LEVEL_KEYS = ["level", "rps", "p50us", "p99us", "cpuUsPerRequest", "kernelBytesShare"];

function check({ code, stdout }: Ended, levels: string[]): Demo {
  expect(code).toBe(0);
  const demo = JSON.parse(stdout) as Demo;
  expect(Object.keys(demo)).toEqual(["requests", "levels"]);
  for (const request of demo.requests) {
    expect(Object.keys(request)).toEqual(["from", "to", "request", "expected", "got"]);
    expect(request.got).toBe(request.expected);
  }
  for (const from of ["frontend", "guest"])
    for (const status of [200, 403])
      expect(demo.requests.some((one) => one.from === from && one.got === status)).toBe(true);
  expect(demo.levels.map(({ level }) => level)).toEqual(levels);
  for (const level of demo.levels) {
    expect(Object.keys(level)).toEqual(LEVEL_KEYS);
    expect(level.rps).toBeGreaterThan(0);
    expect(level.p99us).toBeGreaterThanOrEqual(level.p50us);
    expect(level.cpuUsPerRequest).toBeGreaterThan(0);
  }
  return demo;
}

(kernel ? test : test.skip)(
  "demo --json: requests as policy says, and the kernel moves the bytes at levels shortcut and splice",
  async () => {
    const ended = await runs([...SOCKMESH, "demo", "--json"]);
    const { levels } = check(ended, ["direct", "off", "shortcut", "splice"]);
    const share = Object.fromEntries(levels.map(({ level, kernelBytesShare }) => [level, kernelBytesShare]));
    expect(share["direct"]).toBe(0);
    expect(share["off"]).toBe(0);
    expect(share["shortcut"]).toBeGreaterThanOrEqual(0.95);
    expect(share["splice"]).toBeGreaterThanOrEqual(0.95);
  },
  120_000,
);

test("demo without root: level off, and it says what is missing", async () => {
  const ended = await runs([...WITHOUT_ROOT, ...SOCKMESH, "demo", "--json"], { TMPDIR: "/tmp" });
  check(ended, ["direct", "off"]);
  expect(ended.stderr).toMatch(/user-space engine, level off: .*CAP_BPF/);
}, 120_000);
