// SPDX-License-Identifier: Apache-2.0
/** Machines that lack something: the agent says what, moves no bytes in the kernel, and judges all the same. */
import { afterEach, describe, expect, test } from "@jest/globals";
import { resolve } from "node:path";
import {
  freePort,
  kernelEngine,
  launch,
  listens,
  policyFor,
  runs,
  SOCKMESH,
  TestAgent,
  until,
  type Program,
} from "../../support/cli.js";

const kernel = await kernelEngine();
const CLIENT = [process.execPath, resolve("examples/http/client.mjs")];
/** Runs a command in a mount namespace of its own, in which a shell command has changed something. */
const after = (change: string): string[] => ["unshare", "-m", "sh", "-c", `${change} && exec "$0" "$@"`];

/** What is taken away, by a command that the agent is started with; and what is said about it. */
const LACKING: readonly [what: string, prefix: readonly string[], check: string, reason: RegExp][] = [
  [
    "capabilities, though it is root",
    ["setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin"],
    "capabilities",
    /CAP_BPF, CAP_PERFMON missing/,
  ],
  ["BTF", after("mount -t tmpfs none /sys/kernel/btf"), "btf", /vmlinux cannot be read/],
  ["cgroup v2", after("umount -a -t cgroup2"), "cgroup v2", /not mounted/],
];

let agent: TestAgent | undefined;
let service: Program | undefined;

afterEach(async () => {
  service?.child.kill("SIGKILL");
  await service?.ended;
  await agent?.stop();
  agent = service = undefined;
});

(kernel ? describe : describe.skip).each(LACKING)("without %s", (_what, prefix, check, reason) => {
  test("doctor says so, with the remedy and exit code 1", async () => {
    const { code, stdout } = await runs([...prefix, ...SOCKMESH, "doctor", "--json"]);
    expect(code).toBe(1);
    const { engine, checks } = JSON.parse(stdout) as {
      engine: string;
      checks: { name: string; answer: string; reason: string; remedy: string }[];
    };
    expect(engine).toBe("user-space");
    const found = checks.find(({ name }) => name === check);
    expect(found).toMatchObject({ answer: "no", reason: expect.stringMatching(reason) });
    expect(found?.remedy).not.toBe("");
  });

  test("the agent runs at level off, says why, and judges", async () => {
    const [front, back] = [await freePort(), await freePort()];
    service = launch([process.execPath, resolve("examples/http/shop.mjs"), String(back)]);
    await until("the shop listens", () => listens(back));
    agent = await TestAgent.start(
      policyFor("shop", back, ["client"], "{ method: GET }"),
      {
        listen: [{ address: `127.0.0.1:${front}`, service: `127.0.0.1:${back}`, labels: { app: "shop" } }],
        addresses: [{ cidr: "127.0.0.0/8", labels: { app: "client" } }],
      },
      prefix,
    );
    const { engine } = await agent.status();
    expect(engine).toMatchObject({
      name: "user-space",
      level: "off",
      because: expect.stringMatching(reason),
    });
    const calls = JSON.stringify([
      { method: "GET", path: "/products" },
      { method: "POST", path: "/orders", body: "1" },
    ]);
    const { stdout } = await runs([...CLIENT, `http://127.0.0.1:${front}`, calls]);
    expect(JSON.parse(stdout)).toEqual([200, 403]);
  });

  test("the kernel engine, when demanded, is an error", async () => {
    const started = TestAgent.start("", { engine: "kernel" }, prefix);
    await expect(started).rejects.toThrow(/the agent ended: .*sockmesh: SM_(BPF_\w+|CGROUP): /s);
  });
});
