// SPDX-License-Identifier: Apache-2.0
import type { Limits } from "../../core/limits.js";
import { CR, equalsWord, HEX, LF } from "./frames.js";
import type { FaultReason } from "./faults.js";
import { HeadLines } from "./head.js";

enum At {
  size,
  extension,
  sizeLf,
  data,
  dataCr,
  dataLf,
  trailers,
}

const MOST_SIZE_DIGITS = 8;
const MOST_EXTENSION = 256;
const FORBIDDEN_TRAILERS = [
  "content-length",
  "transfer-encoding",
  "host",
  "connection",
  "upgrade",
  "te",
  "trailer",
];

/** Walks a chunked body (RFC 9112 7.1) without copying it. Trailers are held until they are complete and checked. */
export class ChunkedBody {
  private at = At.size;
  private digits = 0;
  private extension = 0;
  private remaining = 0;
  private trailers = "";
  private readonly lines: HeadLines;

  constructor(
    private readonly limits: Limits,
    /** Extensions pass in responses only: what a client hides in them, servers have misread. */
    private readonly extensions: boolean,
  ) {
    this.lines = HeadLines.shared(limits);
  }

  /** Bytes of trailers that were held back, to be forwarded once the body is complete. */
  get held(): Uint8Array {
    return Buffer.from(this.trailers, "latin1");
  }

  /** Bytes of the current chunk and its line end that are still to come, 0 before a size line; -1 elsewhere. */
  get left(): number {
    switch (this.at) {
      case At.data:
        return this.remaining + 2;
      case At.dataCr:
        return 2;
      case At.dataLf:
        return 1;
      default:
        return this.at === At.size && this.digits === 0 ? 0 : -1;
    }
  }

  /** Goes on where `left` has so many bytes. */
  resume(left: number): void {
    this.start();
    this.remaining = Math.max(0, left - 2);
    if (left > 2) this.at = At.data;
    else if (left > 0) this.at = left === 2 ? At.dataCr : At.dataLf;
  }

  /** Begins a body. */
  start(): void {
    this.at = At.size;
    this.digits = 0;
    this.remaining = 0;
    this.trailers = "";
  }

  /**
   * Reads bytes [from, to). Returns the offset behind what may be forwarded, and `done` when the body is complete
   * (forward `held` then; `next` is the first byte behind the body); or a fault.
   */
  read(
    bytes: Uint8Array,
    from: number,
    to: number,
  ): FaultReason | { forward: number; next: number; done: boolean } {
    let at = from;
    while (at < to) {
      const byte = bytes[at] ?? 0;
      switch (this.at) {
        case At.size: {
          const digit = HEX[byte] ?? 255;
          if (digit < 16) {
            if (++this.digits > MOST_SIZE_DIGITS) return "bad-chunk";
            this.remaining = this.remaining * 16 + digit;
          } else if (this.digits === 0) return "bad-chunk";
          else if (byte === CR) this.at = At.sizeLf;
          else if (byte === 0x3b) {
            if (!this.extensions) return "chunk-extension";
            this.at = At.extension;
            this.extension = 0;
          } else return "bad-chunk";
          break;
        }
        case At.extension:
          if (byte === CR) this.at = At.sizeLf;
          else if (byte < 0x20 || ++this.extension > MOST_EXTENSION) return "bad-chunk";
          break;
        case At.sizeLf:
          if (byte !== LF) return "bad-chunk";
          this.at = this.remaining === 0 ? At.trailers : At.data;
          if (this.at === At.trailers) return this.readTrailers(bytes, at + 1, to, at + 1);
          break;
        case At.data: {
          const take = Math.min(this.remaining, to - at);
          this.remaining -= take;
          at += take - 1;
          if (this.remaining === 0) this.at = At.dataCr;
          break;
        }
        case At.dataCr:
          if (byte !== CR) return "bad-chunk";
          this.at = At.dataLf;
          break;
        case At.dataLf:
          if (byte !== LF) return "bad-chunk";
          this.at = At.size;
          this.digits = 0;
          break;
        case At.trailers:
          return this.readTrailers(bytes, at, to, at);
      }
      at++;
    }
    return { forward: to, next: to, done: false };
  }

  private readTrailers(
    bytes: Uint8Array,
    from: number,
    to: number,
    forward: number,
  ): FaultReason | { forward: number; next: number; done: boolean } {
    for (let at = from; at < to; at++) {
      this.trailers += String.fromCharCode(bytes[at] ?? 0);
      if (bytes[at] === LF) {
        const end = this.trailers === "\r\n" || this.trailers.endsWith("\r\n\r\n");
        const fault = this.checkTrailers();
        if (fault) return fault;
        if (end) return { forward, next: at + 1, done: true };
      }
      if (this.trailers.length >= this.limits.headBytes) return "head-too-large";
    }
    return { forward, next: to, done: false };
  }

  private checkTrailers(): FaultReason | undefined {
    const text = Buffer.from(`X / HTTP/1.1\r\n${this.trailers}`, "latin1");
    const fault = this.lines.read(text, 0, text.length, true);
    if (fault) return fault === "too-many-headers" ? fault : "bad-trailer";
    for (let i = 0; i < this.lines.count; i++) {
      const start = this.lines.nameStart[i] ?? 0;
      const end = this.lines.nameEnd[i] ?? 0;
      if (FORBIDDEN_TRAILERS.some((word) => equalsWord(text, start, end, word))) return "bad-trailer";
    }
    return undefined;
  }
}
