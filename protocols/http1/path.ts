// SPDX-License-Identifier: Apache-2.0
import { HEX } from "./frames.js";

const DOT = 0x2e;
const SLASH = 0x2f;
const PERCENT = 0x25;
const SEMICOLON = 0x3b;
const QUESTION = 0x3f;

/**
 * True when servers read a path in different ways, so that policy could judge another one than the service serves:
 * segments that are `.` or `..` (also encoded, also before `;`), encoded `/`, `\` or NUL, a broken percent sign.
 * `//`, parameters and letter case are left alone: policy sees them as the service does. Bytes [start, end), `/` first.
 */
export function isAmbiguousPath(bytes: Uint8Array, start: number, end: number): boolean {
  let dots = 0; // dots of the segment so far; -1 once it holds anything else
  let parameters = false;
  for (let at = start; at < end; at++) {
    let byte = bytes[at] ?? 0;
    if (byte === QUESTION) return isDotSegment(dots) || hasBrokenPercent(bytes, at, end);
    if (byte === PERCENT) {
      const value = decoded(bytes, at, end);
      if (value < 0 || value === 0 || value === SLASH || value === 0x5c) return true;
      byte = value === DOT ? DOT : 0x41;
      at += 2;
    } else if (byte === SLASH) {
      if (isDotSegment(dots)) return true;
      dots = 0;
      parameters = false;
      continue;
    } else if (byte === SEMICOLON) parameters = true;
    if (parameters) continue;
    dots = byte === DOT && dots >= 0 ? dots + 1 : -1;
  }
  return isDotSegment(dots);
}

function isDotSegment(dots: number): boolean {
  return dots === 1 || dots === 2;
}

function decoded(bytes: Uint8Array, at: number, end: number): number {
  if (at + 2 >= end) return -1;
  const high = HEX[bytes[at + 1] ?? 0] ?? 255;
  const low = HEX[bytes[at + 2] ?? 0] ?? 255;
  return high > 15 || low > 15 ? -1 : high * 16 + low;
}

function hasBrokenPercent(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === PERCENT && decoded(bytes, at, end) < 0) return true;
  return false;
}
