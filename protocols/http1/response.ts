// SPDX-License-Identifier: Apache-2.0
import type { Limits } from "../../core/limits.js";
import type { Response } from "../protocol.js";
import { equalsWord, TOKEN } from "./frames.js";
import { HeadLines, Known } from "./head.js";
import { contentLength, isChunked } from "./length.js";
import { Expectation } from "./request.js";
import type { FaultReason } from "./faults.js";

/** Body length of a response that ends with its connection. */
export const UNTIL_CLOSE = -2;

/** One HTTP/1 response head; reused by its decoder. */
export class HttpResponse implements Response {
  bytes: Uint8Array = new Uint8Array(0);
  last = false;
  final = true;
  tunnel = false;
  status = 0;
  /** Bytes of the body; -1 when chunked, -2 until the connection ends. */
  bodyLength = 0;
  private readonly lines: HeadLines;

  constructor(limits: Limits) {
    this.lines = HeadLines.shared(limits);
  }

  /** Offset behind the head that the last `read` found; 0 when the bytes end before it does. */
  get end(): number {
    return this.lines.end;
  }

  /** Reads the head at bytes [from, to), the answer to a request of the given expectation. */
  read(bytes: Uint8Array, from: number, to: number, expectation: number): FaultReason | undefined {
    const { lines } = this;
    const fault = lines.read(bytes, from, to, false);
    if (fault || lines.end === 0) return fault;
    this.bytes = from === 0 && lines.end === bytes.length ? bytes : bytes.subarray(from, lines.end);
    this.status = lines.status;
    this.final = lines.status >= 200 || lines.status === 101;
    this.tunnel =
      (lines.status === 101 && expectation === Expectation.upgrade) ||
      (lines.status >= 200 && lines.status < 300 && expectation === Expectation.connect);
    if (lines.status === 101 && !this.tunnel) return "unexpected-response";
    this.readConnection(bytes);
    return this.readLength(bytes, expectation);
  }

  private readConnection(bytes: Uint8Array): void {
    const { lines } = this;
    this.last = lines.minor === 0;
    for (let i = lines.indexOf(Known.connection); i >= 0; i = lines.indexOf(Known.connection, i + 1)) {
      const end = lines.valueEnd[i] ?? 0;
      for (let at = lines.valueStart[i] ?? 0; at < end; at++) {
        const start = at;
        while (at < end && TOKEN[bytes[at] ?? 0] === 1) at++;
        if (equalsWord(bytes, start, at, "close")) this.last = true;
        else if (equalsWord(bytes, start, at, "keep-alive")) this.last = false;
      }
    }
  }

  /** RFC 9112 6.3: HEAD, 1xx, 204, 304 and tunnels have no body; then chunked, Content-Length, else until close. */
  private readLength(bytes: Uint8Array, expectation: number): FaultReason | undefined {
    const { lines, status } = this;
    const length = lines.indexOf(Known.contentLength);
    const encoding = lines.indexOf(Known.transferEncoding);
    this.bodyLength = 0;
    if (length >= 0 && encoding >= 0) return "conflicting-length";
    if (encoding >= 0 && (lines.minor === 0 || !isChunked(bytes, lines, encoding)))
      return "bad-transfer-encoding";
    const declared = length >= 0 ? contentLength(bytes, lines, length) : 0;
    if (declared < 0) return "bad-content-length";
    if (expectation === Expectation.head || status < 200 || status === 204 || status === 304 || this.tunnel)
      return undefined;
    if (encoding >= 0) this.bodyLength = -1;
    else if (length >= 0) this.bodyLength = declared;
    else {
      this.bodyLength = UNTIL_CLOSE;
      this.last = true;
    }
    return undefined;
  }
}
