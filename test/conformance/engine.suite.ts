// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "@jest/globals";
import type { EndpointTerms, Link, SocketEngine } from "../../sockmap/engine.js";

/** An engine under test with a relay in front of it. */
export interface EngineHarness {
  readonly engine: SocketEngine;
  /** Link of the newest connection. */
  link(): Link | undefined;
  /** Sends that many bytes to an echo through the relay; rejects unless they all come back in order and both sides close. */
  roundTrip(bytes: number): Promise<void>;
  /** Terms of an endpoint that may be added. */
  terms(): EndpointTerms;
}

/** What every engine must do, whatever it can accelerate. */
export function engineSuite(name: string, harness: () => EngineHarness): void {
  describe(`engine ${name}`, () => {
    test("bytes arrive once and in order, at whatever level", async () => {
      await harness().roundTrip(1);
      await harness().roundTrip(2_000_000);
    });

    test("a link has an outcome by name, counts what was moved, and closes twice without harm", async () => {
      await harness().roundTrip(1000);
      const link = harness().link();
      expect(link?.accepted.outcome).toMatch(/^(off:no-bpf|shortcut|splice)$/);
      const moved = link?.state().kernelBytes ?? -1;
      expect(moved).toBe(harness().engine.level === "off" ? 0 : 4000);
      link?.close();
      link?.close();
      expect(link?.state().kernelBytes).toBe(moved);
    });

    test("totals only grow", async () => {
      const before = harness().engine.totals();
      await harness().roundTrip(1000);
      const after = harness().engine.totals();
      expect(after.kernelBytes).toBeGreaterThanOrEqual(before.kernelBytes);
      for (const [outcome, count] of Object.entries(before.outcomes))
        expect(after.outcomes[outcome as keyof typeof after.outcomes]).toBeGreaterThanOrEqual(count);
    });

    test("an endpoint is released twice without harm, and can be added again", async () => {
      const terms = harness().terms();
      for (let i = 0; i < 2; i++) {
        const release = await harness().engine.addEndpoint(terms);
        await release();
        await release();
      }
    });

    test("says why it is not faster", () => {
      const { engine } = harness();
      expect(engine.because === undefined).toBe(engine.level !== "off");
    });
  });
}
