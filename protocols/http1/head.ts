// SPDX-License-Identifier: Apache-2.0
import type { Limits } from "../../core/limits.js";
import { COLON, CR, equalsWord, HT, LF, SP, TARGET, TOKEN, VALUE } from "./frames.js";
import type { FaultReason } from "./faults.js";

/** Headers that the codec itself must understand. */
export const Known = {
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  upgrade: 5,
  http2Settings: 6,
  expect: 7,
} as const;

/** Lines of one head as offsets, found in one pass from left to right. */
export class HeadLines {
  /** Request: method [0, methodEnd), target [targetStart, targetEnd). Response: status. Offsets are absolute. */
  start = 0;
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  status = 0;
  /** 0 for HTTP/1.0, 1 for HTTP/1.1. */
  minor = 1;
  count = 0;
  nameStart: Int32Array;
  nameEnd: Int32Array;
  valueStart: Int32Array;
  valueEnd: Int32Array;
  known: Uint8Array;
  /** First byte behind the head. */
  end = 0;

  private constructor(most: number) {
    this.nameStart = new Int32Array(most);
    this.nameEnd = new Int32Array(most);
    this.valueStart = new Int32Array(most);
    this.valueEnd = new Int32Array(most);
    this.known = new Uint8Array(most);
  }

  /**
   * The lines for heads of some limits, shared by all who read such heads: what was read must be used before anything
   * else is read, and each connection is some kilobytes smaller.
   */
  static shared(limits: Limits): HeadLines {
    let lines = SHARED.get(limits.headerCount);
    if (!lines) SHARED.set(limits.headerCount, (lines = new HeadLines(limits.headerCount)));
    return lines;
  }

  /**
   * Reads a head in bytes [from, to). Returns the first fault from the left, or undefined; `end` is 0 when the bytes end
   * before the head does.
   */
  read(bytes: Uint8Array, from: number, to: number, request: boolean): FaultReason | undefined {
    this.end = 0;
    this.count = 0;
    this.start = from;
    let at = request ? this.requestLine(bytes, from, to) : this.statusLine(bytes, from, to);
    if (typeof at === "string") return at;
    while (at < to) {
      const byte = bytes[at] ?? 0;
      if (byte === CR) {
        if (at + 1 >= to) return undefined;
        if (bytes[at + 1] !== LF) return "bare-line-break";
        this.end = at + 2;
        return undefined;
      }
      const next = this.headerLine(bytes, at, to);
      if (typeof next === "string") return next;
      at = next;
    }
    return undefined;
  }

  /** Index of the n-th header of a known kind, -1 when there are fewer. */
  indexOf(known: number, from = 0): number {
    for (let i = from; i < this.count; i++) if (this.known[i] === known) return i;
    return -1;
  }

  private requestLine(bytes: Uint8Array, from: number, to: number): number | FaultReason {
    let at = from;
    while (at < to && TOKEN[bytes[at] ?? 0] === 1) at++;
    if (at >= to) return to;
    if (bytes[at] !== SP || at === from) return lineFault(bytes[at] ?? 0, "bad-request-line");
    this.methodEnd = at;
    this.targetStart = ++at;
    while (at < to && TARGET[bytes[at] ?? 0] === 1) at++;
    if (at >= to) return to;
    if (at === this.targetStart) return lineFault(bytes[at] ?? 0, "bad-request-line");
    this.targetEnd = at;
    if (bytes[at] === CR || bytes[at] === LF) return bytes[at] === LF ? "bare-line-break" : "bad-version";
    if (bytes[at] !== SP) return "bad-character";
    return this.version(bytes, at + 1, to, CR);
  }

  private statusLine(bytes: Uint8Array, from: number, to: number): number | FaultReason {
    const at = this.version(bytes, from, to, SP);
    if (typeof at === "string" || at >= to) return at;
    if (to - at < 4) return to;
    this.status = 0;
    for (let i = 0; i < 3; i++) {
      const digit = (bytes[at + i] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) return "bad-status-line";
      this.status = this.status * 10 + digit;
    }
    if (this.status < 100 || this.status > 599) return "bad-status-line";
    let end = at + 3;
    if (bytes[end] !== SP && bytes[end] !== CR) return "bad-status-line";
    while (end < to && VALUE[bytes[end] ?? 0] === 1) end++;
    return lineEnd(bytes, end, to);
  }

  /** `HTTP/1.0` or `HTTP/1.1` at `at`, then `behind` (CR of CRLF, or SP). Returns the offset behind it. */
  private version(bytes: Uint8Array, at: number, to: number, behind: number): number | FaultReason {
    for (let i = 0; i < 7; i++) {
      if (at + i >= to) return to;
      if (bytes[at + i] !== VERSION[i]) return "bad-version";
    }
    if (at + 7 >= to) return to;
    const minor = (bytes[at + 7] ?? 0) - 0x30;
    if (minor !== 0 && minor !== 1) return "bad-version";
    this.minor = minor;
    if (at + 8 >= to) return to;
    if (bytes[at + 8] !== behind) return lineFault(bytes[at + 8] ?? 0, "bad-version");
    return behind === CR ? lineEnd(bytes, at + 8, to) : at + 9;
  }

  private headerLine(bytes: Uint8Array, from: number, to: number): number | FaultReason {
    let at = from;
    while (at < to && TOKEN[bytes[at] ?? 0] === 1) at++;
    if (at >= to) return to;
    if (bytes[at] !== COLON || at === from) {
      if (at === from && (bytes[at] === SP || bytes[at] === HT)) return "obs-fold";
      return lineFault(bytes[at] ?? 0, "bad-header");
    }
    const nameEnd = at++;
    while (at < to && (bytes[at] === SP || bytes[at] === HT)) at++;
    const valueStart = at;
    while (at < to && VALUE[bytes[at] ?? 0] === 1) at++;
    if (at >= to) return to;
    let valueEnd = at;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HT)) valueEnd--;
    const next = lineEnd(bytes, at, to);
    if (typeof next === "string") return next;
    if (this.count === this.known.length) return "too-many-headers";
    const i = this.count++;
    this.nameStart[i] = from;
    this.nameEnd[i] = nameEnd;
    this.valueStart[i] = valueStart;
    this.valueEnd[i] = valueEnd;
    this.known[i] = knownHeader(bytes, from, nameEnd);
    return next;
  }
}

const SHARED = new Map<number, HeadLines>();
const VERSION = Buffer.from("HTTP/1.");

function knownHeader(bytes: Uint8Array, start: number, end: number): number {
  switch (end - start) {
    case 4:
      return equalsWord(bytes, start, end, "host") ? Known.host : Known.other;
    case 6:
      return equalsWord(bytes, start, end, "expect") ? Known.expect : Known.other;
    case 7:
      return equalsWord(bytes, start, end, "upgrade") ? Known.upgrade : Known.other;
    case 10:
      return equalsWord(bytes, start, end, "connection") ? Known.connection : Known.other;
    case 14:
      if (equalsWord(bytes, start, end, "content-length")) return Known.contentLength;
      return equalsWord(bytes, start, end, "http2-settings") ? Known.http2Settings : Known.other;
    case 17:
      return equalsWord(bytes, start, end, "transfer-encoding") ? Known.transferEncoding : Known.other;
    default:
      return Known.other;
  }
}

/** Offset behind CRLF at `at`; `to` when the bytes end there. */
function lineEnd(bytes: Uint8Array, at: number, to: number): number | FaultReason {
  if (at >= to) return to;
  if (bytes[at] !== CR) return lineFault(bytes[at] ?? 0, "bad-character");
  if (at + 1 >= to) return to;
  return bytes[at + 1] === LF ? at + 2 : "bare-line-break";
}

/** The fault for an unexpected byte: line breaks and controls have their own names. */
function lineFault(byte: number, otherwise: FaultReason): FaultReason {
  if (byte === LF || byte === CR) return "bare-line-break";
  return byte < 0x20 && byte !== HT ? "bad-character" : otherwise;
}
