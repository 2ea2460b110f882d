// SPDX-License-Identifier: Apache-2.0
import { equalsWord } from "./frames.js";
import { Known, type HeadLines } from "./head.js";

const MOST_DIGITS = 15; // stays an exact integer in a double

/** The one decimal Content-Length of a head whose first is header `index`; -1 when it is malformed or not the only one. */
export function contentLength(bytes: Uint8Array, lines: HeadLines, index: number): number {
  const start = lines.valueStart[index] ?? 0;
  const end = lines.valueEnd[index] ?? 0;
  if (lines.indexOf(Known.contentLength, index + 1) >= 0) return -1;
  if (end === start || end - start > MOST_DIGITS) return -1;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** True when the only Transfer-Encoding is exactly `chunked`. */
export function isChunked(bytes: Uint8Array, lines: HeadLines, index: number): boolean {
  return (
    lines.indexOf(Known.transferEncoding, index + 1) < 0 &&
    equalsWord(bytes, lines.valueStart[index] ?? 0, lines.valueEnd[index] ?? 0, "chunked")
  );
}
