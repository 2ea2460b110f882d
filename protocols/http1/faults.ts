// SPDX-License-Identifier: Apache-2.0
import type { Fault } from "../protocol.js";

/** Why a head or body is refused, with the status that the client is told. */
export const FAULTS = {
  /** A byte that the grammar does not allow where it stands (NUL, control, 8-bit in a name or target). */
  "bad-character": 400,
  /** A line that ends in LF alone, or a CR without LF. */
  "bare-line-break": 400,
  /** A header line that continues the one before (obs-fold, RFC 9112 5.2). */
  "obs-fold": 400,
  /** The request line is not `method SP target SP HTTP/1.x`. */
  "bad-request-line": 400,
  /** The status line is not `HTTP/1.x SP 3DIGIT`. */
  "bad-status-line": 400,
  /** HTTP/0.9, HTTP/2 preface, or a version other than 1.0 and 1.1. */
  "bad-version": 505,
  /** A header without a name, or white space before the colon (RFC 9112 5.1). */
  "bad-header": 400,
  /** HTTP/1.1 without Host (RFC 9112 3.2). */
  "missing-host": 400,
  /** More than one Host. */
  "duplicate-host": 400,
  /** A Host that is no authority, or differs from the absolute target's. */
  "bad-host": 400,
  /** The target's form does not fit the method. */
  "bad-target": 400,
  /** A path that servers read in different ways: dot segments, encoded slash, backslash or NUL, broken percent. */
  "ambiguous-path": 400,
  /** Content-Length that is no single decimal number. */
  "bad-content-length": 400,
  /** Both Content-Length and Transfer-Encoding (RFC 9112 6.3). */
  "conflicting-length": 400,
  /** Transfer-Encoding other than exactly `chunked`, or in HTTP/1.0. */
  "bad-transfer-encoding": 501,
  /** `Connection` names a header that frames or routes the message. */
  "bad-connection-option": 400,
  /** A chunk size that is not 1 to 8 hexadecimal digits, or a chunk without its CRLF. */
  "bad-chunk": 400,
  /** A chunk extension in a request: ignored by some servers, misread by others. */
  "chunk-extension": 400,
  /** A trailer that is malformed or would change framing or routing. */
  "bad-trailer": 400,
  /** The head or the trailers are longer than the limit. */
  "head-too-large": 431,
  /** More header fields than the limit. */
  "too-many-headers": 431,
  /** The connection ended inside a message. */
  truncated: 400,
  /** A response that no request waits for. */
  "unexpected-response": 502,
  /** More bytes after an Upgrade request than may be held until it is answered. */
  "held-too-much": 400,
} as const;

/** Name of a fault. */
export type FaultReason = keyof typeof FAULTS;

const TEXT: Record<number, string> = {
  400: "Bad Request",
  431: "Request Header Fields Too Large",
  501: "Not Implemented",
  502: "Bad Gateway",
  505: "HTTP Version Not Supported",
};
const LIMITS: ReadonlySet<string> = new Set(["head-too-large", "too-many-headers", "held-too-much"]);

/** The fault with its answer: a short text, then the connection closes (its framing is lost). */
export function faultOf(reason: FaultReason): Fault {
  const status = FAULTS[reason];
  const body = `${reason}\r\n`;
  const reply = Buffer.from(
    `HTTP/1.1 ${status} ${TEXT[status] ?? ""}\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  );
  return { reason, limit: LIMITS.has(reason), reply };
}
