// SPDX-License-Identifier: Apache-2.0
import type { Ranges } from "../regex/ranges.js";

/** A run of encodings: a range of values for each byte in turn, as [lo, hi, lo, hi, ...]. */
export type ByteSequence = readonly number[];

/** Last code points of the encodings of one to four bytes. */
const LAST = [0x7f, 0x7ff, 0xffff, 0x10ffff];
const SURROGATES = [0xd800, 0xdfff] as const;

/** The UTF-8 encodings (RFC 3629) of code points from 0x80 on, as few runs as ranges of bytes allow. */
export function beyondAscii(ranges: Ranges): ByteSequence[] {
  const out: ByteSequence[] = [];
  for (let i = 0; i < ranges.length; i += 2) {
    const [lo, hi] = [Math.max(ranges[i]!, 0x80), ranges[i + 1]!];
    // Surrogates have no encoding.
    split(lo, Math.min(hi, SURROGATES[0] - 1), out);
    split(Math.max(lo, SURROGATES[1] + 1), hi, out);
  }
  return out;
}

function split(lo: number, hi: number, out: ByteSequence[]): void {
  if (lo > hi) return;
  const last = LAST.find((end) => lo <= end)!;
  if (hi > last) {
    split(lo, last, out);
    split(last + 1, hi, out);
    return;
  }
  // Where the bytes before the last n differ, the last n must run through all their values.
  for (let mask = 0x3f; mask < last; mask = (mask << 6) | 0x3f) {
    if ((lo & ~mask) === (hi & ~mask)) continue;
    if ((lo & mask) !== 0) {
      split(lo, lo | mask, out);
      split((lo | mask) + 1, hi, out);
      return;
    }
    if ((hi & mask) !== mask) {
      split(lo, (hi & ~mask) - 1, out);
      split(hi & ~mask, hi, out);
      return;
    }
  }
  const from = Buffer.from(String.fromCodePoint(lo));
  const to = Buffer.from(String.fromCodePoint(hi));
  const run: number[] = [];
  from.forEach((byte, at) => run.push(byte, to[at]!));
  out.push(run);
}
