// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  freePort,
  kernelEngine,
  launch,
  listens,
  runs,
  SOCKMESH,
  TestAgent,
  until,
} from "../../support/cli.js";

const kernel = await kernelEngine();
const COMMANDS = [...readFileSync("README.md", "utf8").matchAll(/^\$ (.*)$/gm)].map(
  ([, command]) => command ?? "",
);

(kernel ? test : test.skip)("every command of the README does what it says", async () => {
  const port = await freePort();
  const policy = readFileSync("examples/http/policy.yaml", "utf8").replace('"8080"', `"${port}"`);
  const agent = await TestAgent.start(policy.replaceAll('"8080"', `"${port}"`));
  const started: ReturnType<typeof launch>[] = [];
  try {
    for (const command of COMMANDS) {
      if (command.startsWith("make ")) {
        // What runs this test; here only: there is such a target.
        expect((await runs(["make", "-n", ...command.split(" ").slice(1)])).code).toBe(0);
        continue;
      }
      const [program, verb = "", ...args] = command.replaceAll("8080", String(port)).split(" ");
      expect(program).toBe("sockmesh");
      const socket = ["run", "exec", "status"].includes(verb) ? ["--socket", agent.socket] : [];
      if (verb === "run") {
        const own = launch([...SOCKMESH, verb, ...args, "--socket", join(agent.folder, "other.sock")]);
        await until(
          "it runs",
          async () =>
            (await runs([...SOCKMESH, "status", "--socket", join(agent.folder, "other.sock")])).code === 0,
        );
        own.child.kill("SIGTERM");
        expect((await own.ended).code).toBe(0);
      } else if (args.includes("node")) {
        started.push(launch([...SOCKMESH, verb, ...socket, ...args]));
        await until("the shop listens", () => listens(port));
      } else {
        const { code, stdout } = await runs([...SOCKMESH, verb, ...socket, ...args]);
        expect({ command, code }).toEqual({ command, code: 0 });
        if (args.includes("curl")) expect(stdout).toMatch(/teapot/);
      }
    }
  } finally {
    for (const { child, ended } of started) {
      child.kill("SIGKILL");
      await ended;
    }
    await agent.stop();
  }
});
