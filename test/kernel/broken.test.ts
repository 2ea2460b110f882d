// SPDX-License-Identifier: Apache-2.0
/** The order test finds each part of the splice rule that is left out: else it would prove nothing. */
import { afterAll, describe, expect, test } from "@jest/globals";
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BROKEN, build, without } from "../order/broken.js";
import { OrderPrograms, reachableLevels, runThroughAgent } from "../support/order.js";

const SOAK = process.env["SOAK"] === "1";
const MINUTE = 60_000;
/** Runs of one variant until it is found out. */
const TRIES = 5;

test.each(BROKEN)("the programs have the part: $name", ({ file, from, to }) => {
  const text = readFileSync(join("sockmap/bpf", file), "utf8");
  expect(without(text, from, to)).not.toBe(text);
});

const splice = SOAK && (await reachableLevels()).includes("splice");
const programs = splice ? new OrderPrograms() : undefined;
afterAll(() => programs?.remove());

if (programs)
  describe("left out, it is found", () => {
    test.each(BROKEN)(
      "$name",
      async (broken) => {
        const { object, remove } = build(broken);
        try {
          for (let tries = 1; ; tries++) {
            const seed = randomInt(1, 1_000_000);
            const terms = { requests: 100_000, connections: 16, tracing: true, trusting: true };
            const result = await runThroughAgent(programs, "splice", {
              ...{ seed, ...terms, creditBytes: 64 << 10, patience: 5, timeout: 4 * MINUTE },
              env: { SOCKMESH_TEST_OBJECT: object },
              mayHang: true,
            });
            const { client, service } = result;
            const found = (client?.errors ?? 0) + (client?.stuck ?? 0) + (service?.errors ?? 0);
            process.stderr.write(
              `order, broken: ${broken.name}: run ${tries}, seed ${seed}: ${found} errors in ${client?.requests ?? 0} requests\n`,
            );
            if (found > 0) return;
            expect(tries).toBeLessThan(TRIES);
          }
        } finally {
          remove();
        }
      },
      TRIES * 5 * MINUTE,
    );
  });
