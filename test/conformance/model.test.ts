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
  ["two requests at a time", {}],
  ["writes are paced, edge-triggered readers", { CREDIT: 1, EDGE: 1, HALVES: 0 }],
  ["bytes by TCP before the service's socket is known, FIONREAD believed", { STRAY: 2, EDGE: 2, HALVES: 0 }],
  ["a small race there, and redirects fail", { STRAY: 1, FAILS: 1, WINDOW: 1 }],
  ["requests without an answer", { SILENT: 1, WINDOW: 1 }],
  ["marked requests", { MARKED: 1, HALVES: 0 }],
];

const RIGHT_LONG: readonly [name: string, defines: Defines][] = [
  ["three requests at a time", { WINDOW: 3, HALVES: 0 }],
  ["two threads, finest grain", { THREADS: 2, FINE: 1 }],
  ["unframed messages, service closes", { UNFRAMED: 1, CLOSES: 1 }],
  ["draining", { DRAINS: 1 }],
  ["the client is held at the first request", { CROWD: 1 }],
  ["two threads of the service send", { AMBIGUOUS: 1, CROWD: 1 }],
  ["writes are paced", { CREDIT: 1 }],
  ["writes are paced, twice the credit", { CREDIT: 2 }],
  ["writes are paced, draining and new tables", { CREDIT: 1, EDGE: 2, WINDOW: 1, DRAINS: 1, TABLES: 1 }],
  ["writes are paced, finest grain", { CREDIT: 1, EDGE: 1, WINDOW: 1, FINE: 1, THREADS: 2 }],
  ["strayed, paced", { STRAY: 1, FAILS: 1, CREDIT: 1, HALVES: 0 }],
  ["strayed, finest grain", { STRAY: 1, FAILS: 1, WINDOW: 1, FINE: 1, THREADS: 2 }],
  ["strayed, short reads", { STRAY: 1, EDGE: 1, WINDOW: 1 }],
  ["what strayed is read, then fast again", { STRAY: 3, HALVES: 0, FINE: 1, THREADS: 2 }],
  ["what strayed is read, then fast again, short reads", { STRAY: 3, EDGE: 1, CREDIT: 1, WINDOW: 1 }],
  ["without an answer, two others", { SILENT: 1, HALVES: 0 }],
  ["marked requests, in halves", { MARKED: 1 }],
  [
    "marked and without an answer, paced, draining",
    { MARKED: 1, SILENT: 1, CREDIT: 1, DRAINS: 1, WINDOW: 1 },
  ],
  ["requests read before responses", { BREAK: 40 }],
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
const REQUESTS = /^request_out_of_order$/;
const STUCK = /^(stuck|invalid end state)$/;

const PACED = { CREDIT: 1, WINDOW: 1 };
const STRAYED = { STRAY: 1, WINDOW: 1 };

/** One part left out or turned round: its number, what goes wrong, and what else is set so that it is seen soon. */
const BROKEN: readonly [name: string, number: number, violated: RegExp, more?: Defines][] = [
  ["no in check", 1, ORDER],
  ["inject without delivery proof", 2, ORDER],
  ["lost wake-up: flags read before send_end is stored", 3, STUCK],
  ["lost wake-up: no barrier in the sidecar", 4, STUCK, { CROWD: 1 }],
  ["lost wake-up: event lost", 5, STUCK],
  ["service not slowed", 6, ORDER],
  ["responses counted before send_begin", 7, /^(answer_out_of_order|lost_at_close)$/],
  ["requests counted after the message is queued", 8, /^more_answers_than_requests$/],
  ["in published before body", 9, /^(more_answers_than_requests|lost_at_close)$/],
  ["handed back in a denied body", 10, /^denied_at_service$/],
  ["no place for fast requests", 11, /^(answer_out_of_order|lost_at_close)$/],
  ["proof of delivery after the hand-back", 12, /^(answer_out_of_order|lost_at_close)$/],
  ["ended without delivery proof", 13, /^lost_at_close$/],
  ["drained without delivery proof", 13, /^lost_at_close$/, { DRAINS: 1, WINDOW: 1 }],
  ["crowded, and the counters are not read again", 14, STUCK, { CROWD: 1 }],
  ["in published before a request is queued", 15, REQUESTS],
  ["in published before an answer is queued", 16, ORDER],
  ["in published while a request is held", 17, REQUESTS, { CREDIT: 1, HALVES: 0 }],
  ["in published while an answer is held", 18, ORDER, { CREDIT: 1 }],
  ["responses released while a denial is held", 19, ORDER, { CREDIT: 1, HALVES: 0 }],
  ["written by TCP behind moved bytes, short reads", 20, STUCK, { EDGE: 1, WINDOW: 1 }],
  ["written by TCP behind moved bytes, FIONREAD believed", 20, STUCK, { EDGE: 2, WINDOW: 1 }],
  ["bytes not yet queued counted as read", 21, /^over_credit$/, { CREDIT: 2, WINDOW: 1 }],
  ["lost wake-up: flags read before what was read is published", 22, STUCK, PACED],
  ["lost wake-up: read counter not looked at again", 23, STUCK, PACED],
  ["lost wake-up: new tables take the flag away", 24, STUCK, { ...PACED, TABLES: 1 }],
  ["bytes by TCP, and the client goes fast", 25, REQUESTS, STRAYED],
  ["a redirect failed, and the service goes fast", 25, ORDER, { FAILS: 1, WINDOW: 1 }],
  ["strayed looked at before in", 26, REQUESTS, STRAYED],
  ["bytes by TCP, and later ones injected", 27, REQUESTS, STRAYED],
  ["bytes by TCP, and the service's socket enters the map", 28, STUCK, { STRAY: 2, EDGE: 2, WINDOW: 1 }],
  ["looked for bytes by TCP, and entered later", 0, STUCK, { STRAY: 1, EDGE: 2, WINDOW: 1 }],
  ["what strayed is read later, FIONREAD believed", 0, STUCK, { STRAY: 3, EDGE: 2, WINDOW: 1 }],
  ["requests without an answer counted", 29, /^more_answers_than_requests$/, { SILENT: 1, WINDOW: 1 }],
  ["two marked requests, one remembered", 30, /^framing_lost$/, { MARKED: 1, HALVES: 0 }],
  ["marked by the sidecar alone, answer not slowed", 31, /^framing_lost$/, { MARKED: 1, HALVES: 0 }],
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
