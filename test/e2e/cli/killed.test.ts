// SPDX-License-Identifier: Apache-2.0
/** Whatever is killed under load: all that was answered is right, and nothing is left behind. */
import { afterEach, describe, expect, test } from "@jest/globals";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { AgentStatus } from "../../../cli/agent/messages.js";
import {
  cgroupsOf,
  endAll,
  freePort,
  kernelEngine,
  launch,
  listens,
  policyFor,
  programsOf,
  stillLoaded,
  TestAgent,
  until,
  type Program,
} from "../../support/cli.js";

/** What checking-client.mjs prints. */
interface Checked {
  right: number;
  denied: number;
  unavailable: number;
  unanswered: number;
  midway: number;
  wrong: string[];
}

const kernel = await kernelEngine();
const CONNECTIONS = 12;
/** Most requests of a connection of checking-client.mjs that await their answers. */
const UNANSWERED = 4;

/** Requests that were let through or denied. */
const judged = ({ outcomes, totals }: AgentStatus): number =>
  (outcomes.allowed ?? 0) + (outcomes["denied:policy"] ?? 0) + totals.spliced.requests;

let agent: TestAgent | undefined;
const programs: Program[] = [];

afterEach(async () => {
  await endAll(programs, agent);
  agent = undefined;
});

function start(running: TestAgent, label: string, script: string, ...args: number[]): Program {
  const command = [process.execPath, resolve("test/support", script), ...args.map(String)];
  const program = launch(running.exec(`app=${label}`, command));
  programs.push(program);
  return program;
}

/** An agent at a level, a service and a client that is at work. */
async function underLoad(level: string): Promise<{
  running: TestAgent;
  pid: number;
  /** Resolves when nothing of what the agent attached is there any more. */
  detached: () => Promise<void>;
  port: number;
  service: Program;
  client: Program;
  more: (label: string) => Promise<Program>;
}> {
  const port = await freePort();
  const policy = policyFor("service", port, ["client", "other"], '{ method: GET, path: "/items/.*" }');
  const running = (agent = await TestAgent.start(policy, { level }));
  const { pid } = await running.status();
  const held = programsOf(pid);
  expect(held).not.toEqual([]);
  const detached = (): Promise<void> =>
    until("nothing is attached", async () => (await stillLoaded(held)).length === 0);
  const service = start(running, "service", "load-service.mjs", port);
  await until("the service listens", () => listens(port));
  const more = async (label: string): Promise<Program> => {
    const before = await running.status();
    const client = start(running, label, "checking-client.mjs", port, CONNECTIONS);
    await until("the client is at work", async () => {
      const now = await running.status();
      // More than may await their answers, on whichever connections: some have come, also of the new ones as a rule.
      const working = judged(now) - judged(before) > (before.connections + CONNECTIONS) * UNANSWERED;
      return now.connections === before.connections + CONNECTIONS && working;
    });
    return client;
  };
  return { running, pid, detached, port, service, client: await more("client"), more };
}

async function result(client: Program): Promise<Checked> {
  return JSON.parse((await client.ended).stdout) as Checked;
}

/** Lets a client finish what it has asked for: all of it must have been answered, and rightly. */
async function expectUndisturbed(client: Program): Promise<void> {
  client.child.kill("SIGTERM");
  const { right, denied, ...rest } = await result(client);
  expect(rest).toEqual({ unavailable: 0, unanswered: 0, midway: 0, wrong: [] });
  expect(right).toBeGreaterThan(0);
  expect(denied).toBeGreaterThan(0);
}

(kernel ? describe : describe.skip).each(["off", "shortcut", "splice"])("at level %s", (level) => {
  test("kill -9 of the sidecar: what was answered is right, every connection ends, nothing is attached", async () => {
    const { running, detached, client } = await underLoad(level);
    running.program.child.kill("SIGKILL");
    await running.program.ended;
    const { right, denied, wrong } = await result(client);
    expect(wrong).toEqual([]);
    expect(right).toBeGreaterThan(0);
    expect(denied).toBeGreaterThan(0);
    await detached();
  });

  test("kill -9 of a client: another one is not disturbed, and its own connections are gone", async () => {
    const { running, client, more } = await underLoad(level);
    const other = await more("other");
    client.child.kill("SIGKILL");
    await client.ended;
    await until("only the other's", async () => (await running.status()).connections === CONNECTIONS);
    await until("its endpoint is gone", async () => (await running.status()).endpoints.length === 2);
    await expectUndisturbed(other);
  });

  test("kill -9 of the service: answers are right or none, and a new one is served", async () => {
    const { running, port, service, client, more } = await underLoad(level);
    service.child.kill("SIGKILL");
    await service.ended;
    const { right, wrong } = await result(client);
    expect(wrong).toEqual([]);
    expect(right).toBeGreaterThan(0);
    await until("no connection is left", async () => (await running.status()).connections === 0);
    start(running, "service", "load-service.mjs", port);
    await until("the service listens", () => listens(port));
    await expectUndisturbed(await more("client"));
  });

  test("SIGTERM of the sidecar: no answer is cut short, and nothing is left", async () => {
    const { running, pid, detached, client } = await underLoad(level);
    running.program.child.kill("SIGTERM");
    expect((await running.program.ended).code).toBe(0);
    const { right, midway, wrong } = await result(client);
    expect({ midway, wrong }).toEqual({ midway: 0, wrong: [] });
    expect(right).toBeGreaterThan(0);
    await detached();
    expect(existsSync(cgroupsOf(pid))).toBe(false);
  });
});
