// SPDX-License-Identifier: Apache-2.0
import { RecordFlag } from "./abi.js";
import type { Body, Direction, Splice, Table, Tables } from "./engine.js";
import type { RecordFlags } from "./flags.js";
import { RECORD_WORDS, wordOf as at } from "./records.js";
import type { Slots } from "./slots.js";

const BODY = { f: at("body_f"), r: at("body_r") };
const IN = { f: at("in_f"), r: at("in_r") };
const SLOW = { f: at("requests_slow"), r: at("responses_slow") };
const REQUESTS = at("requests");
const RESPONSES = at("responses");
const HEAD_REQUEST = at("head_request");
const SEND_BEGIN = at("send_begin");
const SEND_END = at("send_end");
const AMBIGUOUS = at("ambiguous");
const SLOT = at("slot");
const ANSWERS = at("answers");

const FAST = { f: at("fast_a"), r: at("fast_b") };

/** What is judged, and how. */
const KIND = RecordFlag.on | RecordFlag.opaque | RecordFlag.memcached;

const HIGH = 0x1_0000_0000;
const CHUNKED = 0x8000_0000; // of the upper word

/** One connection's record as the sidecar sees it. Loads and stores are atomic, so that their order is the one written. */
export class KernelSplice implements Splice {
  private readonly base: number;
  private tables: readonly Table[] = [];
  private stopped = false;

  constructor(
    private readonly words: Uint32Array,
    private readonly slots: Slots,
    private readonly flags: RecordFlags,
    record: number,
  ) {
    this.base = record * RECORD_WORDS;
  }

  judge({ requests, responses, memcached }: Tables): void {
    if (this.stopped) return;
    const { slots, tables } = this;
    this.tables = [requests, responses].filter((table) => table !== undefined);
    this.store(ANSWERS, responses ? slots.acquire(responses) : 0);
    this.store(SLOT, requests ? slots.acquire(requests) : 0);
    for (const table of tables) slots.release(table);
    const { on, opaque } = RecordFlag;
    const kind = (requests ? 0 : opaque) | (memcached ? RecordFlag.memcached : 0);
    this.flags.change(on | kind, KIND);
  }

  requests(): number {
    return this.load(REQUESTS);
  }

  responses(): number {
    return this.load(RESPONSES);
  }

  markedRequest(): number {
    return this.load(HEAD_REQUEST);
  }

  moved(direction: Direction): boolean {
    const fast = FAST[direction];
    return this.load(fast) !== 0 || this.load(fast + 1) !== 0;
  }

  body(direction: Direction): Body {
    const low = this.load(BODY[direction]);
    const high = this.load(BODY[direction] + 1);
    return high >= CHUNKED ? -1 - (low + (high - CHUNKED) * HIGH) : low + high * HIGH;
  }

  forwarded(direction: Direction): void {
    this.store(SLOW[direction], this.load(SLOW[direction]) + 1);
  }

  handBack(direction: Direction, received: number, body: Body): void {
    const left = body < 0 ? -1 - body : body;
    this.store(BODY[direction], left);
    this.store(BODY[direction] + 1, Math.floor(left / HIGH) + (body < 0 ? CHUNKED : 0));
    this.store(IN[direction], received); // last: from here on the kernel may move messages
  }

  holdResponses(hold: boolean): void {
    const { responsesSlow } = RecordFlag;
    if (hold) this.flags.change(responsesSlow, 0);
    else this.flags.change(0, responsesSlow);
  }

  delivered(): "yes" | "not yet" | "cannot tell" {
    if (this.load(AMBIGUOUS)) return "cannot tell";
    return this.load(SEND_BEGIN) === this.load(SEND_END) ? "yes" : "not yet";
  }

  proveDelivered(): void {
    this.store(SEND_END, this.load(SEND_BEGIN));
  }

  stop(): void {
    this.release();
    this.flags.change(RecordFlag.responsesSlow, KIND);
  }

  /** The connection is over. */
  close(): void {
    this.release();
    this.flags.clear();
  }

  private release(): void {
    this.stopped = true;
    for (const table of this.tables) this.slots.release(table);
    this.tables = [];
  }

  private load(word: number): number {
    return Atomics.load(this.words, this.base + word);
  }

  private store(word: number, value: number): void {
    Atomics.store(this.words, this.base + word, value);
  }
}
