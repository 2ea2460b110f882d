// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { freePort, launch, listens, TestAgent, until, type Ended } from "../support/cli.js";
import { exchange, latin, MemcachedServer } from "../support/memcached.js";
import { reachableLevels } from "../support/order.js";
import { GROUPS } from "../../l7policy/compile/memcached.js";
import type { Level } from "../../sockmap/engine.js";

const SOAK = process.env["SOAK"] === "1";
const MINUTE = 60_000;
const TIMEOUT = (SOAK ? 120 : 8) * MINUTE;
/** ORDER_SEED repeats what the client did; the kernel's scheduling is not repeated. */
const SEED = Number(process.env["ORDER_SEED"] ?? randomInt(1, 1_000_000));
const COMMANDS: Record<Level, number> = SOAK
  ? { off: 100_000, shortcut: 300_000, splice: 5_000_000 }
  : { off: 20_000, shortcut: 20_000, splice: 300_000 };
const levels = await reachableLevels();

const folder = mkdtempSync(join(tmpdir(), "sockmesh-order-"));
const client = join(folder, "memcached-client");
beforeAll(() => {
  const flags = "-std=gnu11 -O2 -Wall -Wextra -Werror -pthread".split(" ");
  execFileSync("gcc", [...flags, resolve("test/order/memcached.c"), "-o", client]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Result {
  readonly commands: number;
  readonly denied: number;
  readonly lookups: number;
  readonly errors: number;
}

const command = (port: number, commands: number, ...more: string[]): string[] => [
  client,
  ...["-p", String(port), "-s", String(SEED), "-n", String(commands), "-c", "8"],
  ...more,
];

function resultOf({ stdout, stderr }: Ended): Result & { said: string } {
  return {
    ...(JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as Result),
    said: stderr.slice(0, 10_000),
  };
}

/** Room for values of 1 MiB, and for all of them. */
const ROOM = ["-I", "2m", "-m", "1024"];

describe("the client against memcached itself", () => {
  test(
    "all answers are as it expects, and a denied command that is carried out is found",
    async () => {
      const server = await MemcachedServer.start(...ROOM);
      try {
        const all = resultOf(await launch(command(server.port, 20_000, "-d")).ended);
        expect(all).toMatchObject({ errors: 0, said: "" });
        await exchange(server.port, latin("flush_all\r\nmn\r\n"), "MN\r\n");
        const open = resultOf(await launch(command(server.port, 20_000)).ended);
        expect(open.errors).toBeGreaterThan(0);
      } finally {
        await server.close();
      }
    },
    TIMEOUT,
  );
});

const policy = (port: number): string => `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: order }
spec:
  endpointSelector: { matchLabels: { app: cache } }
  ingress:
    - fromEndpoints: [{ matchLabels: { app: client } }]
      toPorts:
        - ports: [{ port: "${port}", protocol: TCP }]
          rules: { memcached: [{ commands: [read, write], keys: [{ prefix: ok. }] }, { command: mn }] }
`;

describe.each(levels)("level %s", (level) => {
  test(
    "every command is answered in its place, byte for byte; none that policy denies is carried out",
    async () => {
      const port = await freePort();
      // A credit that is often used up, so that messages leave the fast way and come back to it.
      const agent = await TestAgent.start(policy(port), { creditBytes: 64 << 10, level }, [], {
        timeout: TIMEOUT,
      });
      const user = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
      const flags = [...user, "-l", "127.0.0.1", "-p", String(port), "-U", "0", "-t", "2", ...ROOM];
      const cache = launch(agent.exec("app=cache", ["memcached", ...flags]), {}, TIMEOUT);
      try {
        await until("memcached listens", () => listens(port));
        const ended = await launch(agent.exec("app=client", command(port, COMMANDS[level])), {}, TIMEOUT)
          .ended;
        const result = resultOf(ended);
        const { outcomes, totals } = await agent.status();
        process.stderr.write(
          `order, memcached, ${level}, seed ${SEED}: ${JSON.stringify(result)}, sidecar ${JSON.stringify(outcomes)}, kernel ${JSON.stringify(totals.outcomes)}, spliced ${totals.spliced.requests}\n`,
        );
        expect({ seed: SEED, errors: result.errors, said: result.said }).toEqual({
          seed: SEED,
          errors: 0,
          said: "",
        });
        expect(result.commands).toBeGreaterThanOrEqual(COMMANDS[level]);
        expect(outcomes["denied:policy"]).toBe(result.denied);
        if (level === "splice") {
          const { groups } = totals.spliced;
          expect(Object.keys(groups).sort()).toEqual(GROUPS.map((group) => `memcached ${group}`).sort());
          expect(Object.values(groups).every((count) => count > 0)).toBe(true);
          expect(Object.values(groups).reduce((sum, count) => sum + count)).toBe(totals.spliced.requests);
        }
        if (level === "splice") expect(totals.spliced.requests).toBeGreaterThan(result.commands / 20);
        await until("no connection is left", async () => (await agent.status()).connections === 0);
      } finally {
        cache.child.kill("SIGTERM");
        await cache.ended;
        await agent.stop();
      }
    },
    TIMEOUT,
  );
});
