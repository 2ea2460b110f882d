// SPDX-License-Identifier: Apache-2.0
// The splice rule, checked by spin in every order of events. test/model/README.md explains the names.
import { describe, expect, test } from "@jest/globals";
import { check, type Finding } from "../model/spin.js";

const MODEL = "test/model/splice/splice.pml";
const MINUTES = 60_000;
/** As many as run at a time; each is one process. */
const AT_ONCE = 2;

type Defines = Readonly<Record<string, number>>;

const SIZES = {
  brief: { megabytes: 1000, depth: 2_000_000, brief: true },
  usual: { megabytes: 2000, depth: 5_000_000, brief: false },
  long: { megabytes: 8000, depth: 30_000_000, brief: false },
};

let running = 0;
const waiting: (() => void)[] = [];

/** Runs one check when it is its turn, and says in one line what it found. */
async function find(name: string, defines: Defines, size: keyof typeof SIZES): Promise<Finding> {
  if (running === AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  else running++;
  try {
    const finding = await check({ model: MODEL, defines, ...SIZES[size] });
    const { states, depth, errors, violated, seconds } = finding;
    console.info(
      `model: ${name}: ${states} states, depth ${depth}, ${errors} errors${violated ? ` (${violated})` : ""}, ${seconds} s`,
    );
    return finding;
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}

/** What holds, and how much of it is looked at. */
const RIGHT: readonly [name: string, defines: Defines][] = [
  ["with tracing", { TRACE: 1 }],
  ["without tracing", { TRACE: 0 }],
  ["writes wait for the reader", { TRACE: 1, GATE: 1, WINDOW: 1 }],
];

const RIGHT_LONG: readonly [name: string, defines: Defines][] = [
  ["three requests at a time", { WINDOW: 3 }],
  ["three requests at a time, no tracing", { TRACE: 0, WINDOW: 3 }],
  ["two threads, finest grain", { THREADS: 2, FINE: 1 }],
  ["two threads, finest grain, no tracing", { TRACE: 0, THREADS: 2, FINE: 1 }],
  ["unframed messages, service closes", { UNFRAMED: 1, CLOSES: 1 }],
  ["service closes, no tracing", { TRACE: 0, CLOSES: 1 }],
  ["draining", { DRAINS: 1 }],
  ["the client is held at the first request", { CROWD: 1 }],
  ["no tracing, the verdict gives word", { TRACE: 0, WORD: 1, CROWD: 1 }],
  ["writes wait for the reader, draining and new tables", { GATE: 1, WINDOW: 1, DRAINS: 1, TABLES: 1 }],
  ["writes wait for the reader, finest grain", { GATE: 1, WINDOW: 1, FINE: 1 }],
  ["requests read before responses", { BREAK: 30 }],
];

const runs = process.env["SOAK"] ? [...RIGHT, ...RIGHT_LONG] : RIGHT;

describe("the rule holds", () => {
  test.concurrent.each(runs)(
    "%s",
    async (name, defines) => {
      const finding = await find(name, defines, runs === RIGHT ? "usual" : "long");
      expect(finding).toMatchObject({ errors: 0, violated: undefined, complete: true });
    },
    600 * MINUTES,
  );
});

const ORDER = /^answer_out_of_order$/;
const STUCK = /^(stuck|invalid end state)$/;

/** One part left out or turned round: its number, what goes wrong, and what else is set so that it is seen soon. */
const BROKEN: readonly [name: string, number: number, violated: RegExp, more?: Defines][] = [
  ["no consumption check", 1, ORDER],
  ["no in check", 2, ORDER],
  ["inject without delivery proof", 3, ORDER],
  ["inject without delivery proof, no tracing", 3, ORDER, { TRACE: 0 }],
  ["delta rule", 4, /^framing_lost$/],
  ["store order: released before out", 5, ORDER],
  ["lost wake-up: flags read before send_end is stored", 6, STUCK],
  ["lost wake-up: no barrier in the sidecar", 7, STUCK, { CROWD: 1 }],
  ["lost wake-up: event lost", 8, STUCK],
  ["lost wake-up: no tracing, only bytes are waited for", 9, STUCK, { TRACE: 0, CROWD: 1 }],
  ["service not slowed", 10, ORDER],
  ["responses counted before send_begin", 11, /^(answer_out_of_order|lost_at_close)$/],
  ["requests counted after the message is queued", 12, /^more_answers_than_requests$/],
  ["out read before in", 13, ORDER],
  ["in published before body", 14, /^(more_answers_than_requests|lost_at_close)$/],
  ["handed back in a denied body", 15, /^denied_at_service$/],
  ["no place for fast requests", 16, /^(answer_out_of_order|lost_at_close)$/],
  ["proof of delivery after the hand-back", 17, /^(answer_out_of_order|lost_at_close)$/],
  ["ended without delivery proof", 18, /^lost_at_close$/],
  ["drained without delivery proof", 18, /^lost_at_close$/, { DRAINS: 1, WINDOW: 1 }],
  ["crowded, and the counters are not read again", 19, STUCK, { CROWD: 1 }],
  ["written behind moved bytes to an edge-triggered reader", 20, STUCK, { GATE: 1, WINDOW: 1 }],
  ["bytes not yet queued counted as read", 21, STUCK, { GATE: 1, WINDOW: 1 }],
  ["lost wake-up: flags read before what was read is published", 22, STUCK, { GATE: 1, WINDOW: 1 }],
  ["lost wake-up: read counter not looked at again", 23, STUCK, { GATE: 1, WINDOW: 1 }],
  ["lost wake-up: new tables take the flag away", 24, STUCK, { GATE: 1, WINDOW: 1, TABLES: 1 }],
];

describe("the checker finds what is broken", () => {
  test.concurrent.each(BROKEN)(
    "%s",
    async (name, number, violated, more = {}) => {
      const finding = await find(name, { BREAK: number, ...more }, "brief");
      expect(finding.errors).toBe(1);
      expect(finding.violated).toMatch(violated);
    },
    600 * MINUTES,
  );
});
