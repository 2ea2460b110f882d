// SPDX-License-Identifier: Apache-2.0
import { afterAll, describe, expect, test } from "@jest/globals";
import { randomInt } from "node:crypto";
import { freePort } from "../support/cli.js";
import { OrderPrograms, reachableLevels, runThroughAgent, type OrderResult } from "../support/order.js";
import type { Level } from "../../sockmap/engine.js";

const SOAK = process.env["SOAK"] === "1";
const MINUTE = 60_000;

/** ORDER_SEED repeats what the client did; the kernel's scheduling is not repeated. */
const FIRST_SEED = Number(process.env["ORDER_SEED"] ?? randomInt(1, 1_000_000));
let seeds = 0;

/** Requests of one run by level. */
const REQUESTS: Record<Level, number> = SOAK
  ? { off: 100_000, shortcut: 1_000_000, splice: 10_000_000 }
  : { off: 20_000, shortcut: 20_000, splice: 300_000 };

/** Credits that are often used up, so that messages leave the fast way and come back to it. */
const RUNS = (await reachableLevels()).flatMap((level) =>
  // Without tracing the highest level is shortcut.
  (level === "shortcut" ? [true, false] : [true]).map((tracing) => ({
    level,
    tracing,
    creditBytes: tracing ? 64 << 10 : 256 << 10,
  })),
);

const programs = new OrderPrograms();
afterAll(() => programs.remove());

/** Fails with everything there is to know when anything was wrong. */
function check(what: string, seed: number, { client, service, said }: OrderResult): void {
  process.stderr.write(
    `order, ${what}, seed ${seed}: client ${JSON.stringify(client)}, service ${JSON.stringify(service)}\n`,
  );
  const verdict = {
    errors: client?.errors,
    stuck: client?.stuck,
    ofService: service?.errors,
    said: said.slice(0, 20_000),
  };
  expect({ seed, ...verdict }).toEqual({ seed, errors: 0, stuck: 0, ofService: 0, said: "" });
  if (!client || !service) throw new Error("both have said their results");
  // Everything is accounted for but what was under way in killed processes: two connections, at most 24 requests each.
  const uncounted = client.requests - client.answered - client.denied - client.abandoned;
  expect(uncounted).toBeGreaterThanOrEqual(0);
  expect(uncounted).toBeLessThanOrEqual((client.killed + 1) * 2 * 24);
  expect(client.answered).toBeLessThanOrEqual(service.requests);
  expect(client.abandoned).toBeLessThan(client.requests / 20);
  expect(client.cut).toBeLessThanOrEqual(client.connections / 20);
}

describe("client and service against each other", () => {
  const run = async (faults: object, judges = true): Promise<OrderResult & { seed: number }> => {
    const seed = FIRST_SEED + seeds++;
    const terms = { seed, requests: 20_000, connections: 8, patience: 30, timeout: MINUTE * 2, ...faults };
    return { seed, ...(await programs.run(terms, await freePort(), judges)) };
  };

  test("without a sidecar between them nothing is wrong", async () => {
    const { seed, ...result } = await run({ trusting: true });
    check("direct", seed, result);
    expect(result.client?.eagain).toBe(0);
  });

  test("a request that policy denies is not to reach the service", async () => {
    const { service, said } = await run({ requests: 2000, patience: 3 }, false);
    expect({ errors: (service?.errors ?? 0) > 0, said }).toMatchObject({ errors: true });
  });

  test.each(["drop", "double", "swap", "corrupt", "short"])(
    "each finds out what the other does wrong: %s",
    async (fault) => {
      const few = { requests: 10_000, patience: 3 };
      const byService = await run({ serviceFault: fault, ...few });
      const wrong = (byService.client?.errors ?? 0) + (byService.client?.stuck ?? 0);
      expect({ ...byService, wrong: wrong > 0 }).toMatchObject({ wrong: true });
      const byClient = await run({ clientFault: fault, ...few });
      const refused = (byClient.service?.errors ?? 0) + (byClient.client?.stuck ?? 0);
      expect({ ...byClient, refused: refused > 0 }).toMatchObject({ refused: true });
    },
    MINUTE * 3,
  );
});

describe.each(RUNS)("level $level, tracing $tracing", ({ level, tracing, creditBytes }) => {
  test(
    "every request is answered once, in order, whole; none that policy denies is seen",
    async () => {
      const seed = FIRST_SEED + seeds++;
      const requests = REQUESTS[level];
      const timeout = (SOAK ? 300 : 4) * MINUTE;
      const connections = 6 + (seed % 27);
      // Without tracing a direction goes over to TCP above the credit, while moved bytes are unread.
      const trusting = tracing;
      const terms = { seed, requests, connections, timeout, tracing, trusting, creditBytes };
      const { status, ...result } = await runThroughAgent(programs, level, terms);
      const { totals, outcomes } = status;
      check(`${level}, tracing ${tracing}, ${connections} connections`, seed, result);
      process.stderr.write(`order, the kernel: ${JSON.stringify(totals)}\n`);
      expect(result.client?.requests).toBeGreaterThanOrEqual(requests);
      expect((outcomes["denied:policy"] ?? 0) + (outcomes["denied:upgrade"] ?? 0)).toBeGreaterThan(0);
      // The level was reached, or it was not tested at all.
      expect(totals.outcomes[level] ?? 0).toBeGreaterThan(0);
      if (level === "off") expect(totals.kernelBytes).toBe(0);
      else expect(totals.outcomes.fast ?? 0).toBeGreaterThan(requests / 2);
    },
    (SOAK ? 310 : 5) * MINUTE,
  );
});
