// SPDX-License-Identifier: Apache-2.0
/** Level splice where something is short, fast, slow or twice: every request gets its right answer all the same. */
import { afterEach, describe, expect, test } from "@jest/globals";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  freePort,
  kernelEngine,
  launch,
  listens,
  policyFor,
  runs,
  TestAgent,
  until,
  type Program,
} from "../support/cli.js";
import { Namespace } from "../support/namespace.js";

const kernel = await kernelEngine();
const RULE = '{ method: GET, path: "/items/.*" }';
const CLIENT = resolve("test/support/fault-client.mjs");
const SERVICE = resolve("test/support/load-service.mjs");

const agents: TestAgent[] = [];
const programs: Program[] = [];
afterEach(async () => {
  for (const { child } of programs) child.kill("SIGKILL");
  await Promise.all(programs.splice(0).map(({ ended }) => ended));
  for (const agent of agents.splice(0)) await agent.stop();
});

/** What fault-client.mjs prints. */
interface Sum {
  allowed: number;
  denied: number;
  wrong: string[];
}

/** An agent at level splice with the service behind it. */
async function serve(
  config: object = {},
  policy?: (port: number) => string,
  env: NodeJS.ProcessEnv = {},
): Promise<{ agent: TestAgent; port: number }> {
  const port = await freePort();
  const text = policy?.(port) ?? policyFor("service", port, ["client"], RULE);
  const agent = await TestAgent.start(text, { level: "splice", ...config }, [], { env });
  agents.push(agent);
  programs.push(launch(agent.exec("app=service", [process.execPath, SERVICE, String(port)])));
  await until("the service listens", () => listens(port));
  return { agent, port };
}

function ask(agent: TestAgent, prefix: readonly string[], ...args: readonly (string | number)[]): Program {
  const program = launch(
    agent.exec("app=client", [...prefix, process.execPath, CLIENT, ...args.map(String)]),
  );
  programs.push(program);
  return program;
}

async function sumOf({ ended }: Program): Promise<Sum> {
  const { stdout, stderr } = await ended;
  if (stdout === "") throw new Error(`the client printed nothing: ${stderr}`);
  return JSON.parse(stdout) as Sum;
}

const right = (allowed: number, denied: number): Sum => ({ allowed, denied, wrong: [] });

(kernel ? describe : describe.skip)("at level splice", () => {
  test("more connections than records: the others go over TCP", async () => {
    const { agent, port } = await serve({ kernelConnections: 8 });
    expect(await sumOf(ask(agent, [], "hold", port, 40, 3))).toEqual(right(120, 40));
    const { outcomes } = (await agent.status()).totals;
    expect(outcomes["off:no-record"]).toBeGreaterThan(0);
    expect(outcomes.fast).toBeGreaterThan(0);
    // Those clients left the map before they were answered: of each connection the first request at most met the program.
    expect(outcomes["slow:unpaired"] ?? 0).toBeLessThanOrEqual(40);
    // What was given back serves again.
    await until("all are closed", async () => (await agent.status()).connections === 0);
    const before = (await agent.status()).totals.outcomes["off:no-record"];
    expect(await sumOf(ask(agent, [], "hold", port, 4, 3))).toEqual(right(12, 4));
    expect((await agent.status()).totals.outcomes["off:no-record"]).toBe(before);
  });

  test("ten thousand connections, each for two requests", async () => {
    const { agent, port } = await serve();
    expect(await sumOf(ask(agent, [], "churn", port, 10_000, 64))).toEqual(right(10_000, 10_000));
    const { outcomes } = (await agent.status()).totals;
    expect(outcomes["off:no-record"] ?? 0).toBe(0);
    await until("all are closed", async () => (await agent.status()).connections === 0);
  });

  test("a reader that leaves ten megabytes unread holds up nobody else, and gets them all in the end", async () => {
    const { agent, port } = await serve();
    const slow = ask(agent, [], "slow", port, 10_000_000);
    let told = "";
    slow.child.stderr?.on("data", (text: string) => (told += text));
    await until("the answer has begun", () => told.includes("begun"));
    expect(await sumOf(ask(agent, [], "hold", port, 4, 200))).toEqual(right(800, 4));
    slow.child.kill("SIGUSR2");
    expect(await sumOf(slow)).toEqual(right(1, 0));
  });

  test("the same addresses and ports in another network namespace are another connection", async () => {
    const namespace = await Namespace.create();
    try {
      const { agent, port } = await serve();
      const other = [process.execPath, SERVICE, String(port)];
      programs.push(launch(agent.exec("app=service", [...namespace.prefix, ...other])));
      const probe = `require("net").connect(${port}, "127.0.0.1").on("connect", () => process.exit(0)).on("error", () => process.exit(1))`;
      await until("the service there listens", async () => {
        const { code } = await runs([...namespace.prefix, process.execPath, "-e", probe]);
        return code === 0;
      });
      const [from, to] = [await freePort(), port];
      const there = ask(agent, namespace.prefix, "tuple", to, from, 2000);
      const here = ask(agent, [], "tuple", to, from, 2000);
      // There nothing is captured: no policy holds, and what it would deny is answered.
      expect(await sumOf(there)).toEqual(right(4000, 0));
      expect(await sumOf(here)).toEqual(right(2000, 2000));
    } finally {
      for (const { child } of programs) child.kill("SIGKILL");
      await namespace.remove();
    }
  });

  test("programs that are replaced while requests run: none is lost, and what does not load replaces nothing", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sockmesh-upgrade-"));
    const object = join(folder, "engine.bpf.o");
    copyFileSync("sockmap/bpf/engine.bpf.o", object);
    const { agent, port } = await serve({}, undefined, { SOCKMESH_TEST_OBJECT: object });
    let log = "";
    agent.program.child.stderr?.on("data", (text: string) => (log += text));
    const said = (what: string): number => log.split(what).length - 1;
    const upgrade = async (what: string): Promise<void> => {
      const before = said(what);
      agent.program.child.kill("SIGUSR2");
      await until(what, () => said(what) > before);
    };
    try {
      const client = ask(agent, [], "hold", port, 8, 4000);
      for (let i = 0; i < 5; i++) await upgrade("programs replaced");
      const bytes = readFileSync(object);
      writeFileSync(object, bytes.subarray(0, 20_000));
      await upgrade("the programs that run stay");
      expect(await sumOf(client)).toEqual(right(32_000, 8));
      const { outcomes } = (await agent.status()).totals;
      expect(outcomes.fast).toBeGreaterThan(32_000);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("policies that change while requests run: each is judged by one of them, whole", async () => {
    const both = (port: number, path: string, team: string): string =>
      policyFor(
        "service",
        port,
        ["client"],
        `{ method: GET, path: "/items/${path}.*", headers: ["X-Team: ${team}"] }`,
      );
    const { agent, port } = await serve({}, (at) => both(at, "a", "one"));
    const client = ask(agent, [], "mixed", port, 8);
    const policies = [both(port, "a", "one"), both(port, "b", "two")];
    const start = (await agent.status()).policy.revision;
    let revision = start;
    for (let swap = 1; swap <= 300; swap++) {
      writeFileSync(agent.policies, policies[swap % 2]!);
      agent.program.child.kill("SIGHUP");
      await until("it is in force", async () => (await agent.status()).policy.revision > revision);
      revision = (await agent.status()).policy.revision;
    }
    expect(revision - start).toBeGreaterThanOrEqual(300);
    client.child.kill("SIGTERM");
    const sum = await sumOf(client);
    expect(sum.wrong).toEqual([]);
    expect(sum.allowed).toBeGreaterThan(300);
    expect(sum.denied).toBeGreaterThan(300);
    expect((await agent.status()).totals.outcomes.fast).toBeGreaterThan(0);
  });
});
