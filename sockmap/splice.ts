// SPDX-License-Identifier: Apache-2.0
import { RecordFlag } from "./abi.js";
import type { Body, Direction, Splice, Table, Tables } from "./engine.js";
import { RECORD_WORDS, wordOf as at } from "./records.js";
import type { Slots } from "./slots.js";
import { peerHasEnded } from "./socket.js";
import type { Wakes } from "./wakes.js";

const BODY = { f: at("body_f"), r: at("body_r") };
const IN = { f: at("in_f"), r: at("in_r") };
const OUT = { f: at("out_f"), r: at("out_r") };
const SLOW = { f: at("requests_slow"), r: at("responses_slow") };
const REQUESTS = at("requests");
const RESPONSES = at("responses");
const HEAD_REQUEST = at("head_request");
const SEND_BEGIN = at("send_begin");
const SEND_END = at("send_end");
const AMBIGUOUS = at("ambiguous");
const FLAGS = at("flags");
const SLOT = at("slot");
const ANSWERS = at("answers");

const RECEIVER = {
  f: { fast: at("fast_a"), read: at("read_b"), flag: RecordFlag.awaitsReadB },
  r: { fast: at("fast_b"), read: at("read_a"), flag: RecordFlag.awaitsReadA },
} as const;
const AWAITING = RecordFlag.responsesSlow | RecordFlag.awaitsReadA | RecordFlag.awaitsReadB;

const HIGH = 0x1_0000_0000;
const CHUNKED = 0x8000_0000; // of the upper word

/** One connection's record as the sidecar sees it. Loads and stores are atomic, so that their order is the one written. */
export class KernelSplice implements Splice {
  onWake: (() => void) | undefined;
  private readonly base: number;
  private flags = 0;
  private tables: readonly Table[] = [];
  private stopped = false;

  constructor(
    private readonly words: Uint32Array,
    private readonly slots: Slots,
    private readonly wakes: Wakes,
    readonly record: number,
    /** True when the end of a send is traced (kernel 6.3). */
    private readonly tracing: boolean,
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
    const kind = (requests ? 0 : RecordFlag.opaque) | (memcached ? RecordFlag.memcached : 0);
    this.setFlags((this.flags & AWAITING) | RecordFlag.on | kind);
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
    const { fast } = RECEIVER[direction];
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

  aboutToWrite(direction: Direction, bytes: number): void {
    this.store(OUT[direction], this.load(OUT[direction]) + bytes);
  }

  handBack(direction: Direction, received: number, body: Body): void {
    const left = body < 0 ? -1 - body : body;
    this.store(BODY[direction], left);
    this.store(BODY[direction] + 1, Math.floor(left / HIGH) + (body < 0 ? CHUNKED : 0));
    this.store(IN[direction], received); // last: from here on the kernel may move messages
  }

  holdResponses(hold: boolean): void {
    const { responsesSlow } = RecordFlag;
    this.setFlags(hold ? this.flags | responsesSlow : this.flags & ~responsesSlow);
  }

  delivered(): "yes" | "not yet" | "cannot tell" {
    if (this.load(AMBIGUOUS)) return "cannot tell";
    if (this.load(SEND_BEGIN) === this.load(SEND_END)) return "yes";
    return this.tracing ? "not yet" : "cannot tell";
  }

  proveDelivered(): void {
    this.store(SEND_END, this.load(SEND_BEGIN));
  }

  readByReceiver(direction: Direction): boolean {
    // Without tracing reads are published with the next send, which may be waiting for what is to be written.
    if (!this.tracing) return true;
    const { fast, read, flag } = RECEIVER[direction];
    const allRead = (): boolean =>
      this.load(fast) === this.load(read) && this.load(fast + 1) === this.load(read + 1);
    if (allRead()) {
      this.setFlags(this.flags & ~flag);
      return true;
    }
    this.setFlags(this.flags | flag);
    return allRead();
  }

  peerHasEnded(fd: number): boolean {
    return peerHasEnded(fd);
  }

  stop(): void {
    this.release();
    this.setFlags((this.flags & AWAITING) | RecordFlag.responsesSlow);
  }

  /** The connection is over. */
  close(): void {
    this.release();
    this.setFlags(0);
  }

  private release(): void {
    this.stopped = true;
    for (const table of this.tables) this.slots.release(table);
    this.tables = [];
  }

  private setFlags(flags: number): void {
    const before = this.flags;
    if (flags === before) return;
    this.flags = flags;
    this.store(FLAGS, flags);
    const awaits = (flags & AWAITING) !== 0;
    if (this.tracing && awaits !== ((before & AWAITING) !== 0)) this.wakes.interested(awaits ? 1 : -1);
  }

  private load(word: number): number {
    return Atomics.load(this.words, this.base + word);
  }

  private store(word: number, value: number): void {
    Atomics.store(this.words, this.base + word, value);
  }
}
