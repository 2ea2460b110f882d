// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { kernelEngine, runs } from "../../support/cli.js";

const kernel = await kernelEngine();

test("examples/memcached: what two clients may do, and every level timed", async () => {
  const { stdout, stderr, code } = await runs([process.execPath, "examples/memcached/run.mjs", "300"]);
  expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => line.split(/ {2,}/));
  const answers = lines.filter(([who = ""]) => /^(web|worker)$/.test(who)).map(([, , answer]) => answer);
  const denied = "CLIENT_ERROR access denied";
  const session = "VALUE session.7 0 5 | hello | END";
  expect(answers).toEqual([
    ...["STORED", session, session, denied, denied],
    ...["STORED", "1", "VALUE hits.home 0 1 | 1 | END", denied, denied],
  ]);
  const timed = lines.filter(([, micros = ""]) => /^[0-9.]+$/.test(micros)).map(([level]) => level);
  expect(timed).toEqual(kernel ? ["off", "shortcut", "splice"] : ["off"]);
});
