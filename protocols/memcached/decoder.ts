// SPDX-License-Identifier: Apache-2.0
import type { Limits } from "../../core/limits.js";
import type { Decoder, Fault, Framing, Sink } from "../protocol.js";
import { readBinary, readBinaryFields } from "./binary.js";
import { faultOf } from "./faults.js";
import { Expectation, HEADER, LF, Magic, MN, OPCODES } from "./frames.js";
import { BARRIER, MemcachedRequest } from "./request.js";
import { TextReader } from "./text.js";

/** What the decoder is doing; the first byte of a connection pins text or binary. */
enum State {
  start,
  text,
  binary,
  value,
  tunnel,
  faulted,
}

const NOTHING = new Uint8Array(0);
const BETWEEN: Framing = { at: "between" };
const KEPT: Framing = { at: "kept" };
const OTHER: Framing = { at: "other" };

/** Decodes what a client sends. */
export class RequestDecoder implements Decoder<MemcachedRequest> {
  private state = State.start;
  /** `text` or `binary`, to go back to after a value. */
  private pinned = State.start;
  private remaining = 0;
  private afterQuiet = false;
  private partial: Uint8Array = NOTHING;
  private readonly request = new MemcachedRequest();
  private readonly text = new TextReader();

  constructor(private readonly limits: Limits) {}

  push(chunk: Uint8Array, sink: Sink<MemcachedRequest>): void {
    let bytes = chunk;
    if (this.partial.length > 0) {
      bytes = Buffer.concat([this.partial, chunk]);
      this.partial = NOTHING;
    }
    for (let at = 0; at < bytes.length && this.state !== State.faulted;) at = this.step(bytes, at, sink);
  }

  finish(sink: Sink<MemcachedRequest>): void {
    if (this.state === State.value || this.partial.length > 0) this.fail(faultOf("truncated"), sink);
  }

  framing(): Framing {
    if (this.state === State.value)
      return this.request.expectation === Expectation.quiet
        ? OTHER
        : { at: "body", remaining: this.remaining };
    if (this.partial.length > 0 || this.state > State.value) return OTHER;
    // What follows binary frames is binary: the kernel would take it for text.
    return this.pinned === State.binary ? KEPT : BETWEEN;
  }

  resume(framing: Framing, moved = false): void {
    // The kernel moves text only: for the service this connection is a text one from then on.
    if (moved && this.pinned === State.start) this.pinned = State.text;
    if (framing.at === "between") this.state = this.pinned;
    else if (framing.at === "body") {
      this.state = State.value;
      this.remaining = framing.remaining;
      this.request.forget();
    }
  }

  tunnel(): void {
    this.state = State.tunnel;
  }

  /** Handles some bytes from `at` on; returns the offset of the first one that is not dealt with yet. */
  private step(bytes: Uint8Array, at: number, sink: Sink<MemcachedRequest>): number {
    switch (this.state) {
      case State.start:
        this.state = this.pinned = bytes[at] === Magic.request ? State.binary : State.text;
        return at;
      case State.text:
        return this.stepText(bytes, at, sink);
      case State.binary:
        return this.stepBinary(bytes, at, sink);
      case State.value: {
        const take = Math.min(this.remaining, bytes.length - at);
        this.remaining -= take;
        sink.body(bytes.subarray(at, at + take));
        if (this.remaining === 0) this.endValue(sink);
        return at + take;
      }
      default:
        sink.body(bytes.subarray(at));
        return bytes.length;
    }
  }

  private stepText(bytes: Uint8Array, at: number, sink: Sink<MemcachedRequest>): number {
    if (bytes[at] === Magic.request) return this.fail(faultOf("binary-in-text"), sink);
    const end = bytes.indexOf(LF, at) + 1;
    const length = (end === 0 ? bytes.length : end) - at;
    if (length > this.limits.headBytes || (end === 0 && length === this.limits.headBytes))
      return this.fail(faultOf("line-too-long"), sink);
    if (end === 0) return this.keep(bytes, at);
    const fault = this.text.read(this.request, bytes, at, end);
    return fault ? this.fail(faultOf(fault), sink) : this.begin(end, sink);
  }

  private stepBinary(bytes: Uint8Array, at: number, sink: Sink<MemcachedRequest>): number {
    if (bytes[at] !== Magic.request) return this.failBinary(faultOf("text-in-binary"), sink);
    if (bytes.length - at < HEADER) return this.keep(bytes, at);
    const { request } = this;
    request.afterQuiet = this.afterQuiet;
    const length = readBinary(request, bytes, at);
    if (typeof length !== "number") return this.failBinary(length, sink);
    const end = at + length;
    if (end > bytes.length) return this.keep(bytes, at);
    this.afterQuiet = OPCODES[request.opcode]?.quiet ?? false;
    readBinaryFields(request, bytes, at, end);
    return this.begin(end, sink);
  }

  private begin(end: number, sink: Sink<MemcachedRequest>): number {
    const { request } = this;
    sink.head(request);
    this.remaining = request.value;
    if (this.remaining > 0) this.state = State.value;
    else this.endValue(sink);
    return end;
  }

  private endValue(sink: Sink<MemcachedRequest>): void {
    this.state = this.pinned;
    // Text answers carry nothing that tells whose they are: a no-op behind each quiet command ends its turn.
    if (this.request.expectation === Expectation.quiet && !this.request.refusal) sink.body(MN);
    sink.end();
  }

  private keep(bytes: Uint8Array, at: number): number {
    this.partial = Buffer.from(bytes.subarray(at));
    return bytes.length;
  }

  /** Answers to quiet requests come first, as memcached would have sent them. */
  private failBinary(fault: Fault, sink: Sink<MemcachedRequest>): number {
    return this.fail(this.afterQuiet ? { ...fault, barrier: BARRIER } : fault, sink);
  }

  private fail(fault: Fault, sink: Sink<MemcachedRequest>): number {
    this.state = State.faulted;
    this.partial = NOTHING;
    sink.fault(fault);
    return Number.MAX_SAFE_INTEGER;
  }
}
