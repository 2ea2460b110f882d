// SPDX-License-Identifier: Apache-2.0
import { canonical, type Ranges } from "./ranges.js";

/** Code points that differ only in case by Unicode simple folding (as `(?i)` of RE2 has it), by any member. */
let orbits: ReadonlyMap<number, readonly number[]> | undefined;

/** The only letters of ASCII that are equal to some beyond it: K is also the Kelvin sign, S the long s. */
const KELVIN = 0x212a;
const LONG_S = 0x17f;

/** Adds to a set all that simple case folding makes equal to a member. */
export function folded(ranges: Ranges): readonly number[] {
  const out = [...ranges];
  for (let i = 0; i < ranges.length; i += 2) {
    const [lo, hi] = [ranges[i]!, ranges[i + 1]!];
    foldAscii(lo, hi, out);
    if (hi < 0x80) continue;
    orbits ??= buildOrbits();
    if (hi - lo > orbits.size) {
      for (const [point, orbit] of orbits) if (point >= lo && point <= hi) push(out, orbit);
    } else for (let point = Math.max(lo, 0x80); point <= hi; point++) push(out, orbits.get(point) ?? []);
  }
  return canonical(out);
}

function foldAscii(lo: number, hi: number, out: number[]): void {
  for (let upper = 0x41; upper <= 0x5a; upper++) {
    const lower = upper | 0x20;
    if ((upper < lo || upper > hi) && (lower < lo || lower > hi)) continue;
    push(out, [upper, lower]);
    if (upper === 0x4b) push(out, [KELVIN]);
    if (upper === 0x53) push(out, [LONG_S]);
  }
}

function push(out: number[], points: readonly number[]): void {
  for (const point of points) out.push(point, point);
}

function buildOrbits(): ReadonlyMap<number, readonly number[]> {
  const found = new Map<number, readonly number[]>();
  const join = (a: number, b: number): void => {
    if (found.get(a)?.includes(b)) return;
    // The upper or lower case of a letter is not always its folding (dotless i): ask the engine's own folding.
    if (!new RegExp(`^\\u{${a.toString(16)}}$`, "iu").test(String.fromCodePoint(b))) return;
    const all = [...new Set([...(found.get(a) ?? [a]), ...(found.get(b) ?? [b])])];
    for (const point of all) found.set(point, all);
  };
  for (let point = 0; point < 0x1f000; point++) {
    if (point >= 0x3400 && point < 0xa000) point = 0xa000; // ideographs
    if (point >= 0xac00 && point < 0xe000) point = 0xe000; // syllables of Hangul, surrogates
    const text = String.fromCodePoint(point);
    for (const other of [text.toLowerCase(), text.toUpperCase()]) {
      const single = other.codePointAt(0) ?? 0;
      if (other !== text && String.fromCodePoint(single) === other) join(point, single);
    }
  }
  return found;
}
