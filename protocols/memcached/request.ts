// SPDX-License-Identifier: Apache-2.0
import { FieldSpans, MemcachedField } from "../fields.js";
import type { Barrier, Denial, Request } from "../protocol.js";
import { NO_GROUP } from "./groups.js";
import { binaryExpectation, binaryNoop, Expectation, SP } from "./frames.js";

const LINE_END = Buffer.from("\r\n");

/** Opaque of no-ops that the sidecar sends for itself. */
const BARRIER_OPAQUE = 0x736d6273;

/** What holds the place of a denial among answers that may or may not come. */
export const BARRIER: Barrier = {
  bytes: binaryNoop(BARRIER_OPAQUE),
  expectation: binaryExpectation(0x0a, BARRIER_OPAQUE),
};

/**
 * One memcached command; reused by its decoder.
 *
 * Its fields are one command span or more, and one span for each key, base64 keys decoded. A second command span names
 * a write that the first one's name does not tell: `touch` for a meta get with T, `add` for one that vivifies (N).
 * A rule has to allow every span.
 */
export class MemcachedRequest implements Request {
  bytes: Uint8Array = new Uint8Array(0);
  readonly fields = new FieldSpans();
  last = false;
  readonly upgrade = false;
  expectation: number = Expectation.line;
  answered = true;
  group = NO_GROUP;
  /** A quiet binary request: answered only when there is something to tell. */
  mayAnswer = false;
  refusal: Denial | undefined;
  /** Bytes behind the head that belong to the command: the value, in text with its CRLF. */
  value = 0;
  binary = false;
  opcode = 0;
  opaque = 0;
  /** Quiet binary requests stand before this one: answers may be under way that nobody counts. */
  afterQuiet = false;
  /** Command names and keys that do not stand in the received bytes as policy reads them. */
  private readonly scratch = new Uint8Array(1024);
  private scratched = 0;
  /** Where `bytes` begins in the buffer that it was read from. */
  private start = 0;

  /** Forgets the command before. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
    this.start = start;
    this.fields.reset(bytes);
    this.last = false;
    this.expectation = Expectation.line;
    this.answered = true;
    this.mayAnswer = false;
    this.group = NO_GROUP;
    this.refusal = undefined;
    this.value = 0;
  }

  /** The command whose value comes was another one, which the kernel has moved: plain text without anything quiet. */
  forget(): void {
    this.expectation = Expectation.line;
    this.refusal = undefined;
  }

  /** Spans from here on stand in memory of this request's own. */
  startScratch(): void {
    this.scratched = 0;
    this.fields.reset(this.scratch);
  }

  /** Adds a span with bytes [start, end) of another buffer. Names and keys of one command fit by their limits. */
  addCopy(kind: number, bytes: Uint8Array, start: number, end: number): void {
    const { scratch, scratched } = this;
    for (let i = start; i < end; i++) scratch[scratched + i - start] = bytes[i] ?? 0;
    this.scratched += end - start;
    this.fields.add(kind, scratched, this.scratched);
  }

  /** Adds a key that `decode` writes; false when it cannot. */
  addDecoded(decode: (into: Uint8Array, at: number) => number): boolean {
    const end = decode(this.scratch, this.scratched);
    if (end < 0) return false;
    this.fields.add(MemcachedField.key, this.scratched, end);
    this.scratched = end;
    return true;
  }

  /** Leaves keys out of a lookup in text. Meta and binary requests have one key at most. */
  omit(spans: readonly number[]): boolean {
    const { fields, start } = this;
    const { bytes: received } = fields;
    const first = fields.find(MemcachedField.key);
    const left = new Set(spans);
    const bytes = Buffer.allocUnsafe(this.bytes.length + LINE_END.length);
    let end = (fields.start[first] ?? start) - start;
    bytes.set(received.subarray(start, start + end));
    let kept = first;
    for (let i = first; i >= 0; i = fields.find(MemcachedField.key, i + 1)) {
      if (left.has(i)) continue;
      const from = (fields.start[kept] = fields.start[i] ?? 0);
      const to = (fields.end[kept] = fields.end[i] ?? 0);
      if (kept++ > first) bytes[end++] = SP;
      for (let at = from; at < to; at++) bytes[end++] = received[at] ?? 0;
    }
    if (kept === first) return false;
    bytes.set(LINE_END, end);
    this.bytes = bytes.subarray(0, end + LINE_END.length);
    fields.count = kept;
    return true;
  }

  /** An answer in the service's place; `value` bytes that follow are swallowed. */
  refuse(bytes: Uint8Array, status: number): void {
    this.fields.reset(bytes);
    this.refusal = this.answer(bytes, status, false);
  }

  /** A denial at this request's place. */
  answer(bytes: Uint8Array, status: number, close: boolean): Denial {
    if (this.binary && this.afterQuiet && bytes.length > 0) return { bytes, status, close, barrier: BARRIER };
    return { bytes, status, close };
  }
}
