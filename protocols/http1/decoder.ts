// SPDX-License-Identifier: Apache-2.0
import type { Limits } from "../../core/limits.js";
import type { Decoder, Framing, NextExpectation, Sink } from "../protocol.js";
import { ChunkedBody } from "./body.js";
import { faultOf, type FaultReason } from "./faults.js";
import { CR, HEAD_END, LF } from "./frames.js";
import { HttpRequest } from "./request.js";
import { HttpResponse, UNTIL_CLOSE } from "./response.js";

/** What a decoder is doing. */
enum State {
  head,
  length,
  chunked,
  untilClose,
  /** After a request for an upgrade: bytes wait until the answer says what they are. */
  held,
  tunnel,
  faulted,
}

const NOTHING = new Uint8Array(0);
const BETWEEN: Framing = { at: "between" };
const OTHER: Framing = { at: "other" };

abstract class HttpDecoder<M extends HttpRequest | HttpResponse> implements Decoder<M> {
  protected state = State.head;
  protected remaining = 0;
  /** Bytes of an incomplete head, or of what follows an upgrade. */
  protected partial: Uint8Array = NOTHING;
  /** The head comes in pieces: it is read when it may be complete, else every piece would have all of it read again. */
  private pieces = false;
  private readonly chunks: ChunkedBody;

  constructor(
    protected readonly limits: Limits,
    protected readonly message: M,
    extensions: boolean,
  ) {
    this.chunks = new ChunkedBody(limits, extensions);
  }

  /** Reads a head into the message; returns why it is refused. */
  protected abstract readHead(bytes: Uint8Array, from: number, to: number): FaultReason | undefined;
  /** Called when a head was accepted: true when bytes behind it must wait. */
  protected abstract holdsAfter(): boolean;

  push(chunk: Uint8Array, sink: Sink<M>): void {
    let bytes = chunk;
    let at = 0;
    if (this.partial.length > 0 && (this.state === State.head || this.state === State.tunnel)) {
      bytes = chunk.length > 0 ? Buffer.concat([this.partial, chunk]) : this.partial;
      this.partial = NOTHING;
    }
    while (at < bytes.length && this.state !== State.faulted) at = this.step(bytes, at, sink);
  }

  finish(sink: Sink<M>): void {
    if (this.state === State.untilClose) {
      this.state = State.head;
      sink.end();
    } else if (
      this.state === State.length ||
      this.state === State.chunked ||
      (this.state === State.head && this.partial.length > 0)
    )
      this.fail("truncated", sink);
  }

  framing(): Framing {
    if (this.state === State.head && this.partial.length === 0) return BETWEEN;
    if (this.state === State.length) return { at: "body", remaining: this.remaining };
    const left = this.state === State.chunked ? this.chunks.left : -1;
    return left < 0 ? OTHER : { at: "chunk", remaining: left };
  }

  resume(framing: Framing): void {
    if (framing.at === "between") this.state = State.head;
    else if (framing.at === "body") {
      this.state = State.length;
      this.remaining = framing.remaining;
    } else if (framing.at === "chunk") {
      this.state = State.chunked;
      this.chunks.resume(framing.remaining);
    }
  }

  tunnel(): void {
    this.state = State.tunnel;
  }

  /** Handles some bytes from `at` on; returns the offset of the first one that is not dealt with yet. */
  private step(bytes: Uint8Array, at: number, sink: Sink<M>): number {
    switch (this.state) {
      case State.head:
        return this.stepHead(bytes, at, sink);
      case State.length: {
        const take = Math.min(this.remaining, bytes.length - at);
        this.remaining -= take;
        sink.body(at === 0 && take === bytes.length ? bytes : bytes.subarray(at, at + take));
        if (this.remaining === 0) this.endMessage(sink);
        return at + take;
      }
      case State.chunked: {
        const read = this.chunks.read(bytes, at, bytes.length);
        if (typeof read === "string") return this.fail(read, sink);
        if (read.forward > at) sink.body(bytes.subarray(at, read.forward));
        if (read.done) {
          sink.body(this.chunks.held);
          this.endMessage(sink);
        }
        return read.next;
      }
      case State.held: {
        if (this.partial.length + bytes.length - at > this.limits.headBytes)
          return this.fail("held-too-much", sink);
        this.partial = Buffer.concat([this.partial, bytes.subarray(at)]);
        return bytes.length;
      }
      default:
        sink.body(at === 0 ? bytes : bytes.subarray(at));
        return bytes.length;
    }
  }

  private stepHead(bytes: Uint8Array, from: number, sink: Sink<M>): number {
    let at = from;
    // Empty lines before a message are left out (RFC 9112 2.2).
    while (bytes[at] === CR && bytes[at + 1] === LF) at += 2;
    if (at === bytes.length) return at;
    if (bytes[at] === CR && at + 1 === bytes.length) return this.keep(bytes, at);
    const limit = Math.min(bytes.length, at + this.limits.headBytes);
    const full = limit - at === this.limits.headBytes;
    if (this.pieces && !full && !mayBeRead(bytes, at, limit)) return this.keep(bytes, at);
    const fault = this.readHead(bytes, at, limit);
    if (fault) return this.fail(fault, sink);
    const { message } = this;
    const { end } = message;
    if (end === 0) return full ? this.fail("head-too-large", sink) : this.keep(bytes, at);
    this.pieces = false;
    this.begin(message.bodyLength);
    if (message.bodyLength === 0 && this.holdsAfter()) this.state = State.held;
    sink.head(message);
    if (message.bodyLength === 0) sink.end();
    return end;
  }

  private keep(bytes: Uint8Array, at: number): number {
    this.partial = Buffer.from(bytes.subarray(at));
    this.pieces = true;
    return bytes.length;
  }

  private begin(bodyLength: number): void {
    if (bodyLength > 0) {
      this.state = State.length;
      this.remaining = bodyLength;
    } else if (bodyLength === UNTIL_CLOSE) this.state = State.untilClose;
    else if (bodyLength < 0) {
      this.state = State.chunked;
      this.chunks.start();
    }
  }

  private endMessage(sink: Sink<M>): void {
    this.state = this.holdsAfter() ? State.held : State.head;
    sink.end();
  }

  private fail(reason: FaultReason, sink: Sink<M>): number {
    this.state = State.faulted;
    this.partial = NOTHING;
    sink.fault(faultOf(reason));
    return Number.MAX_SAFE_INTEGER;
  }
}

/** True when a head may be complete, or already shows a line break that no head has. */
function mayBeRead(bytes: Uint8Array, at: number, limit: number): boolean {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, limit);
  if (view.indexOf(HEAD_END, at) >= 0) return true;
  for (let lf = view.indexOf(LF, at); lf >= 0; lf = view.indexOf(LF, lf + 1))
    if (lf === at || bytes[lf - 1] !== CR) return true;
  return false;
}

/** Decodes what a client sends. */
export class RequestDecoder extends HttpDecoder<HttpRequest> {
  constructor(limits: Limits) {
    super(limits, new HttpRequest(limits), false);
  }

  protected override readHead(bytes: Uint8Array, from: number, to: number): FaultReason | undefined {
    return this.message.read(bytes, from, to);
  }

  protected override holdsAfter(): boolean {
    return this.message.upgrade;
  }
}

/** Decodes what a service sends. */
export class ResponseDecoder extends HttpDecoder<HttpResponse> {
  constructor(
    limits: Limits,
    private readonly next: NextExpectation,
  ) {
    super(limits, new HttpResponse(limits), true);
  }

  protected override readHead(bytes: Uint8Array, from: number, to: number): FaultReason | undefined {
    const expectation = this.next();
    return expectation === undefined
      ? "unexpected-response"
      : this.message.read(bytes, from, to, expectation);
  }

  protected override holdsAfter(): boolean {
    return this.message.tunnel;
  }
}
