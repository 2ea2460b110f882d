// SPDX-License-Identifier: Apache-2.0
import type { Limits } from "../../core/limits.js";
import type { Decoder, Framing, NextExpectation, Response, Sink } from "../protocol.js";
import { faultOf, type FaultReason } from "./faults.js";
import {
  CR,
  Expectation,
  HEADER,
  isBinary,
  LF,
  Magic,
  opaqueOf,
  OPCODES,
  opcodeOf,
  STAT,
  Status,
  VALUE_MAX,
  word,
} from "./frames.js";
import { END, endsAt, itemLength, Line, lineKind, lengthOf } from "./lines.js";

/**
 * Head of an answer: its first line, or its binary header. Answers to lookups are all body, so that what comes together is
 * forwarded in one piece. Reused by its decoder.
 */
export class MemcachedResponse implements Response {
  bytes: Uint8Array = NOTHING;
  readonly last = false;
  readonly tunnel = false;
  /** False for answers to quiet requests, which nobody waits for, and all but the last frame of `stat`. */
  final = true;
  /** Status of a binary answer; of a text answer, the one that says the same. */
  status = 0;
}

/** What the decoder is doing. */
enum State {
  /** Before an answer. */
  head,
  /** Before a further line of the same answer. */
  line,
  /** In the data of `VALUE` or `VA`, or the body of a binary answer. */
  data,
  tunnel,
  faulted,
}

const NOTHING = new Uint8Array(0);
const BETWEEN: Framing = { at: "between" };
const OTHER: Framing = { at: "other" };

/** Decodes what memcached sends, told by each request's expectation what to look for. */
export class ResponseDecoder implements Decoder<MemcachedResponse> {
  private state = State.head;
  private remaining = 0;
  /** Text data ends with CRLF and, for some answers, a further line; binary data just ends. */
  private expectation = 0;
  private partial: Uint8Array = NOTHING;
  /** Offset in the bytes being read of what is not forwarded yet. */
  private pending = 0;
  private readonly message = new MemcachedResponse();

  constructor(
    private readonly limits: Limits,
    private readonly next: NextExpectation,
  ) {}

  push(chunk: Uint8Array, sink: Sink<MemcachedResponse>): void {
    let bytes = chunk;
    if (this.partial.length > 0) {
      bytes = Buffer.concat([this.partial, chunk]);
      this.partial = NOTHING;
    }
    this.pending = 0;
    let at = 0;
    while (at < bytes.length && this.state !== State.faulted) at = this.step(bytes, at, sink);
    if (this.partial.length === 0 && this.state !== State.faulted) this.forward(bytes, bytes.length, sink);
  }

  finish(sink: Sink<MemcachedResponse>): void {
    const cut = this.state === State.line || this.state === State.data || this.partial.length > 0;
    if (cut) this.fail("truncated", sink);
  }

  framing(): Framing {
    if (this.partial.length > 0) return OTHER;
    if (this.state === State.head) return BETWEEN;
    if (!isBinary(this.expectation) && this.expectation === Expectation.values) {
      if (this.state === State.line) return { at: "chunk", remaining: 0 };
      return this.state === State.data ? { at: "chunk", remaining: this.remaining } : OTHER;
    }
    const ends = isBinary(this.expectation) || this.expectation === Expectation.meta;
    return this.state === State.data && ends ? { at: "body", remaining: this.remaining } : OTHER;
  }

  resume(framing: Framing): void {
    if (framing.at === "between") this.state = State.head;
    else if (framing.at === "body") {
      this.state = State.data;
      this.remaining = framing.remaining;
    } else if (framing.at === "chunk") {
      this.state = framing.remaining === 0 ? State.line : State.data;
      this.remaining = framing.remaining;
      this.expectation = Expectation.values;
    }
  }

  tunnel(): void {
    this.state = State.tunnel;
  }

  private step(bytes: Uint8Array, at: number, sink: Sink<MemcachedResponse>): number {
    switch (this.state) {
      case State.head: {
        const expectation = this.next();
        const binary = expectation === undefined ? bytes[at] === Magic.response : isBinary(expectation);
        if (binary) return this.stepBinary(bytes, at, expectation, sink);
        if (expectation === undefined) return this.fail("unexpected-response", sink);
        this.expectation = expectation;
        return this.stepText(bytes, at, sink);
      }
      case State.line:
        return this.stepText(bytes, at, sink);
      case State.data: {
        const take = Math.min(this.remaining, bytes.length - at);
        if (!isBinary(this.expectation) && !this.endsInCrlf(bytes, at, take))
          return this.fail("bad-response", sink);
        this.remaining -= take;
        if (this.remaining === 0) this.endData(bytes, at + take, sink);
        return at + take;
      }
      default:
        return bytes.length;
    }
  }

  /** The last two bytes of text data are CRLF, as far as they are among the next `take` ones. */
  private endsInCrlf(bytes: Uint8Array, at: number, take: number): boolean {
    const cr = at + this.remaining - 2;
    const end = at + take;
    return (cr < at || cr >= end || bytes[cr] === CR) && (cr + 1 >= end || bytes[cr + 1] === LF);
  }

  private endData(bytes: Uint8Array, end: number, sink: Sink<MemcachedResponse>): void {
    if (!isBinary(this.expectation) && this.expectation === Expectation.values) this.state = State.line;
    else this.endAnswer(bytes, end, sink);
  }

  private stepBinary(
    bytes: Uint8Array,
    at: number,
    expectation: number | undefined,
    sink: Sink<MemcachedResponse>,
  ): number {
    if (bytes[at] !== Magic.response) return this.fail("bad-response", sink);
    if (bytes.length - at < HEADER) return this.keep(bytes, at);
    const opcode = bytes[at + 1] ?? 0;
    const body = word(bytes, at + 8);
    const { message } = this;
    message.status = ((bytes[at + 6] ?? 0) << 8) | (bytes[at + 7] ?? 0);
    message.final = true;
    // Room for extras and key beside the largest value.
    if (body > VALUE_MAX + 65536) return this.fail("bad-response", sink);
    if (OPCODES[opcode]?.quiet) message.final = false;
    else if (expectation === undefined) return this.fail("unexpected-response", sink);
    else if (opcodeOf(expectation) !== opcode || opaqueOf(expectation) !== word(bytes, at + 12))
      return this.fail("bad-response", sink);
    else if (opcode === STAT) message.final = body === 0 || message.status !== 0;
    this.expectation = expectation ?? BINARY_ANY;
    this.begin(bytes, at, at + HEADER, sink);
    this.remaining = body;
    this.state = State.data;
    if (body === 0) this.endAnswer(bytes, at + HEADER, sink);
    return at + HEADER;
  }

  /** Passes over values that are all there and written as usual: they are forwarded with what is around them. */
  private stepText(bytes: Uint8Array, at: number, sink: Sink<MemcachedResponse>): number {
    if (this.expectation !== Expectation.values) return this.stepLine(bytes, at, sink);
    let end = at;
    for (let length = itemLength(bytes, at); length > 0; length = itemLength(bytes, end)) end += length;
    const ends = endsAt(bytes, end);
    if (ends) end += END;
    else if (end === at) return this.stepLine(bytes, at, sink);
    if (this.state === State.head) {
      this.message.status = 0;
      this.message.final = true;
      this.begin(bytes, at, at, sink);
    }
    if (ends) this.endAnswer(bytes, end, sink);
    return end;
  }

  private stepLine(bytes: Uint8Array, at: number, sink: Sink<MemcachedResponse>): number {
    if (bytes[at] === Magic.response) return this.fail("bad-response", sink);
    const end = bytes.indexOf(LF, at) + 1;
    const length = (end === 0 ? bytes.length : end) - at;
    if (length > this.limits.headBytes || (end === 0 && length === this.limits.headBytes))
      return this.fail("bad-response", sink);
    if (end === 0) {
      this.forward(bytes, at, sink);
      return this.keep(bytes, at);
    }
    if (length < 2 || bytes[end - 2] !== CR) return this.fail("bad-response", sink);
    const kind = lineKind(bytes, at, end - 2);
    if (!this.fits(kind)) return this.fail("bad-response", sink);
    const ours = kind === Line.mn && this.expectation === Expectation.quiet;
    const headless = ours || this.expectation === Expectation.values;
    if (this.state === State.head) {
      this.message.status = statusOf(kind);
      this.message.final = ours || this.expectation !== Expectation.quiet;
      // The no-op was the decoder's own: its answer stays here.
      this.begin(bytes, at, headless ? at : end, sink);
      if (ours) this.pending = end;
    }
    if (kind === Line.value || kind === Line.va) {
      this.remaining = lengthOf(bytes, at, end - 2, kind) + 2;
      if (Number.isNaN(this.remaining)) return this.fail("bad-response", sink);
      this.state = State.data;
    } else if (kind === Line.stat) this.state = State.line;
    else this.endAnswer(bytes, end, sink);
    return end;
  }

  /** True when an answer of the expected form may have such a line here. */
  private fits(kind: Line): boolean {
    if (kind === Line.error) return true;
    const first = this.state === State.head;
    switch (this.expectation) {
      case Expectation.values:
        return kind === Line.value || kind === Line.end;
      case Expectation.stats:
        return kind === Line.stat || kind === Line.end || (first && kind === Line.other);
      case Expectation.meta:
        return kind === Line.va || kind === Line.other;
      case Expectation.quiet:
        return kind === Line.va || kind === Line.other || kind === Line.mn;
      default:
        return kind === Line.other || kind === Line.mn;
    }
  }

  private begin(bytes: Uint8Array, at: number, end: number, sink: Sink<MemcachedResponse>): void {
    this.message.bytes = at === end ? NOTHING : bytes.subarray(at, end);
    this.pending = end;
    this.state = State.line; // until its caller knows better: what follows is forwarded
    sink.head(this.message);
  }

  private endAnswer(bytes: Uint8Array, end: number, sink: Sink<MemcachedResponse>): void {
    this.forward(bytes, end, sink);
    this.state = State.head;
    sink.end();
  }

  /** Hands on what belongs to the answer under way, up to `end`. */
  private forward(bytes: Uint8Array, end: number, sink: Sink<MemcachedResponse>): void {
    const { pending } = this;
    if (this.state !== State.head && end > pending)
      sink.body(pending === 0 && end === bytes.length ? bytes : bytes.subarray(pending, end));
    this.pending = end;
  }

  private keep(bytes: Uint8Array, at: number): number {
    this.partial = Buffer.from(bytes.subarray(at));
    return bytes.length;
  }

  private fail(reason: FaultReason, sink: Sink<MemcachedResponse>): number {
    this.state = State.faulted;
    this.partial = NOTHING;
    sink.fault(faultOf(reason));
    return Number.MAX_SAFE_INTEGER;
  }
}

/** Stands for the expectation of an answer that nobody waits for. */
const BINARY_ANY = Number.MAX_SAFE_INTEGER;

function statusOf(kind: Line): number {
  return kind === Line.error ? Status.internal : 0;
}
