// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuUs, residentBytes } from "../../../../bench/harness/cpu.js";
import { freePort, start } from "../../../../bench/harness/process.js";

test("done gives the output, and fails with it on another exit code", async () => {
  await expect(start(["sh", "-c", "echo one; echo two >&2"]).done()).resolves.toMatch(/one|two/);
  await expect(start(["sh", "-c", "echo why; exit 3"]).done()).rejects.toThrow(/ended with 3\nwhy/);
  await expect(start(["no-such-program-of-anyone"]).done()).rejects.toThrow(/ENOENT|EACCES/);
});

test("listens fails as soon as the program ends", async () => {
  const running = start(["sh", "-c", "echo bad config; exit 1"]);
  await expect(running.listens(await freePort())).rejects.toThrow(
    /ended \(1\) and did not listen[^]*bad config/,
  );
  await running.stop();
});

test("stop ends a program that ignores SIGTERM, and its children", async () => {
  const running = start(["sh", "-c", "trap '' TERM; sleep 100 & echo $! >&2; wait; wait; sleep 100"]);
  await running.stop();
  expect(existsSync(`/proc/${running.pid}`)).toBe(false);
  await running.stop();
});

test("CPU time counts descendants, and memory is that of the one process", async () => {
  // The shell itself only waits: all the time is its child's.
  const running = start(["sh", "-c", "sh -c 'while :; do :; done' & wait"]);
  try {
    while (cpuUs([running.pid]) < 100_000) await sleep(20);
    expect(cpuUs([])).toBe(0);
    expect(residentBytes(running.pid)).toBeGreaterThan(0);
    expect(residentBytes(running.pid)).toBeLessThan(residentBytes(process.pid));
  } finally {
    await running.stop();
  }
  expect(cpuUs([running.pid])).toBe(0);
});
