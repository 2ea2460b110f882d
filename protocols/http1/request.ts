// SPDX-License-Identifier: Apache-2.0
import type { Limits } from "../../core/limits.js";
import { FieldSpans, HttpField } from "../fields.js";
import type { Request } from "../protocol.js";
import { AUTHORITY, equalRanges, equalsWord, TOKEN } from "./frames.js";
import { HeadLines, Known } from "./head.js";
import { contentLength, isChunked } from "./length.js";
import { isAmbiguousPath } from "./path.js";
import type { FaultReason } from "./faults.js";

/** What a response decoder must know of the request: how its answer is framed. */
export const Expectation = { ordinary: 0, head: 1, connect: 2, upgrade: 3 } as const;

const SLASH = 0x2f;
const COMMA = 0x2c;

/** One HTTP/1 request head; reused by its decoder. */
export class HttpRequest implements Request {
  bytes: Uint8Array = new Uint8Array(0);
  readonly fields = new FieldSpans();
  last = false;
  upgrade = false;
  expectation: number = Expectation.ordinary;
  readonly answered = true;
  /** Bytes of the body; -1 when chunked. */
  bodyLength = 0;
  /** True when the client asks for `100 Continue` before it sends the body (RFC 9110 10.1.1). */
  awaitsContinue = false;
  /** True for HTTP/1.0, whose clients know no persistent connections by default. */
  old = false;
  private readonly lines: HeadLines;
  private dropOptions = false;

  constructor(limits: Limits) {
    this.lines = HeadLines.shared(limits);
  }

  /** Offset behind the head that the last `read` found; 0 when the bytes end before it does. */
  get end(): number {
    return this.lines.end;
  }

  /** Reads the head at bytes [from, to). Returns why it is refused; check `end` for completeness. */
  read(bytes: Uint8Array, from: number, to: number): FaultReason | undefined {
    const fault = this.lines.read(bytes, from, to, true);
    if (fault || this.lines.end === 0) return fault;
    return this.understand(bytes);
  }

  private understand(bytes: Uint8Array): FaultReason | undefined {
    const { lines } = this;
    this.old = lines.minor === 0;
    this.last = this.old;
    this.upgrade = false;
    this.dropOptions = false;
    this.awaitsContinue = lines.indexOf(Known.expect) >= 0;
    const whole = lines.start === 0 && lines.end === bytes.length;
    this.bytes = whole ? bytes : bytes.subarray(lines.start, lines.end);
    return this.readLength(bytes) ?? this.readConnection(bytes) ?? this.readTarget(bytes);
  }

  private readLength(bytes: Uint8Array): FaultReason | undefined {
    const { lines } = this;
    const length = lines.indexOf(Known.contentLength);
    const encoding = lines.indexOf(Known.transferEncoding);
    this.bodyLength = 0;
    if (encoding >= 0) {
      if (length >= 0) return "conflicting-length";
      if (this.old || !isChunked(bytes, lines, encoding)) return "bad-transfer-encoding";
      this.bodyLength = -1;
    } else if (length >= 0) {
      this.bodyLength = contentLength(bytes, lines, length);
      if (this.bodyLength < 0) return "bad-content-length";
    }
    return undefined;
  }

  /** Options of Connection (RFC 9110 7.6.1): close, keep-alive, upgrade; others name headers that end here. */
  private readConnection(bytes: Uint8Array): FaultReason | undefined {
    const { lines } = this;
    const upgrade = lines.indexOf(Known.upgrade);
    let asked = false;
    for (let i = lines.indexOf(Known.connection); i >= 0; i = lines.indexOf(Known.connection, i + 1)) {
      let at = lines.valueStart[i] ?? 0;
      const end = lines.valueEnd[i] ?? 0;
      while (at < end) {
        const start = at;
        while (at < end && TOKEN[bytes[at] ?? 0] === 1) at++;
        if (equalsWord(bytes, start, at, "close")) this.last = true;
        else if (equalsWord(bytes, start, at, "keep-alive")) this.last = false;
        else if (equalsWord(bytes, start, at, "upgrade")) asked = true;
        else if (at > start) {
          if (namesFraming(bytes, start, at)) return "bad-connection-option";
          this.dropOptions = true;
        }
        const behind = at;
        while (at < end && (bytes[at] === COMMA || bytes[at] === 0x20 || bytes[at] === 0x09)) at++;
        if (at < end && at === behind) return "bad-connection-option";
      }
    }
    if (upgrade < 0) return undefined;
    // An offer of HTTP/2 in clear text is declined by leaving it out, as Envoy does: it would hide the requests.
    const h2c = equalsWord(bytes, lines.valueStart[upgrade] ?? 0, lines.valueEnd[upgrade] ?? 0, "h2c");
    if (h2c || !asked) this.dropOptions = true;
    else this.upgrade = true;
    return undefined;
  }

  private readTarget(bytes: Uint8Array): FaultReason | undefined {
    const { lines, fields } = this;
    const host = lines.indexOf(Known.host);
    if (host < 0 && !this.old) return "missing-host";
    if (host >= 0 && lines.indexOf(Known.host, host + 1) >= 0) return "duplicate-host";
    const hostStart = host < 0 ? 0 : (lines.valueStart[host] ?? 0);
    const hostEnd = host < 0 ? 0 : (lines.valueEnd[host] ?? 0);
    for (let at = hostStart; at < hostEnd; at++) if (AUTHORITY[bytes[at] ?? 0] !== 1) return "bad-host";
    const name = authorityEnd(bytes, hostStart, hostEnd);
    if (name < 0) return "bad-host";

    let path = lines.targetStart;
    const first = bytes[path];
    const connect = equalsExactly(bytes, lines.start, lines.methodEnd, "CONNECT");
    this.expectation = this.expect(bytes, connect);
    if (connect) {
      this.upgrade = true;
      if (!equalRanges(bytes, path, lines.targetEnd, hostStart, hostEnd)) return "bad-host";
    } else if (first === SLASH) {
      if (isAmbiguousPath(bytes, path, lines.targetEnd)) return "ambiguous-path";
    } else if (first === 0x2a && lines.targetEnd === path + 1) {
      if (!equalsExactly(bytes, lines.start, lines.methodEnd, "OPTIONS")) return "bad-target";
    } else {
      path = absolutePath(bytes, path, lines.targetEnd);
      if (path < 0) return "bad-target";
      if (host >= 0 && !equalRanges(bytes, lines.targetStart + 7, path, hostStart, hostEnd))
        return "bad-host";
      if (path === lines.targetEnd || bytes[path] !== SLASH) return "bad-target";
      if (isAmbiguousPath(bytes, path, lines.targetEnd)) return "ambiguous-path";
    }
    if (path !== lines.targetStart || this.dropOptions) return this.rebuild(bytes, path);

    fields.reset(bytes);
    fields.add(HttpField.method, lines.start, lines.methodEnd);
    fields.add(HttpField.path, path, lines.targetEnd);
    if (host >= 0) fields.add(HttpField.host, hostStart, name);
    for (let i = 0; i < lines.count; i++) {
      fields.add(HttpField.headerName, lines.nameStart[i] ?? 0, lines.nameEnd[i] ?? 0);
      fields.add(HttpField.headerValue, lines.valueStart[i] ?? 0, lines.valueEnd[i] ?? 0);
    }
    return undefined;
  }

  private expect(bytes: Uint8Array, connect: boolean): number {
    if (connect) return Expectation.connect;
    if (this.upgrade) return Expectation.upgrade;
    return equalsExactly(bytes, this.lines.start, this.lines.methodEnd, "HEAD")
      ? Expectation.head
      : Expectation.ordinary;
  }

  /** Writes the head anew: origin form, without hop-by-hop headers; then reads it again. Rare. */
  private rebuild(bytes: Uint8Array, path: number): FaultReason | undefined {
    const { lines, last, bodyLength } = this;
    const text = (start: number, end: number): string =>
      Buffer.from(bytes.subarray(start, end)).toString("latin1");
    const dropped = new Set<string>();
    if (this.dropOptions) {
      for (const word of ["connection", "upgrade", "http2-settings", "keep-alive", "proxy-connection"])
        dropped.add(word);
      for (let i = lines.indexOf(Known.connection); i >= 0; i = lines.indexOf(Known.connection, i + 1))
        for (const option of text(lines.valueStart[i] ?? 0, lines.valueEnd[i] ?? 0).split(","))
          dropped.add(option.trim().toLowerCase());
    }
    let head = `${text(lines.start, lines.methodEnd)} ${text(path, lines.targetEnd)} HTTP/1.${lines.minor}\r\n`;
    for (let i = 0; i < lines.count; i++) {
      const name = text(lines.nameStart[i] ?? 0, lines.nameEnd[i] ?? 0);
      if (!dropped.has(name.toLowerCase()))
        head += `${name}: ${text(lines.valueStart[i] ?? 0, lines.valueEnd[i] ?? 0)}\r\n`;
    }
    if (this.dropOptions && last !== this.old)
      head += last ? "Connection: close\r\n" : "Connection: keep-alive\r\n";
    const end = lines.end;
    const rebuilt = Buffer.from(`${head}\r\n`, "latin1");
    const fault = this.read(rebuilt, 0, rebuilt.length);
    lines.end = end; // of the bytes as they were received
    this.bodyLength = bodyLength;
    return fault;
  }
}

/** Headers that may never be taken out by a Connection option. */
function namesFraming(bytes: Uint8Array, start: number, end: number): boolean {
  return [
    "host",
    "content-length",
    "transfer-encoding",
    "authorization",
    "cookie",
    "content-type",
    "te",
    "trailer",
  ].some((word) => equalsWord(bytes, start, end, word));
}

function equalsExactly(bytes: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (bytes[start + i] !== word.charCodeAt(i)) return false;
  return true;
}

/** End of the host in `host[:port]`; -1 when it is no authority. */
function authorityEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  if (bytes[at] === 0x5b && at < end) {
    while (at < end && bytes[at] !== 0x5d) at++;
    if (at === end) return -1;
    at++;
  } else while (at < end && bytes[at] !== 0x3a) at++;
  const name = at;
  if (at < end) {
    if (bytes[at] !== 0x3a || end - at > 6) return -1;
    for (at++; at < end; at++) if ((bytes[at] ?? 0) < 0x30 || (bytes[at] ?? 0) > 0x39) return -1;
  }
  return name;
}

/** Offset of the path in `http://authority/path`; -1 when it is no such target. */
function absolutePath(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 8 || !equalsWord(bytes, start, start + 7, "http://")) return -1;
  let at = start + 7;
  while (at < end && bytes[at] !== SLASH && bytes[at] !== 0x3f) at++;
  return at === start + 7 ? -1 : at;
}
