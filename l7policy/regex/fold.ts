// SPDX-License-Identifier: Apache-2.0
import { canonical } from "./ranges.js";
import type { Ranges } from "./ranges.js";

/** Code points that differ only in case by Unicode simple folding (as `(?i)` of RE2 has it), by any member. */
let orbits: Map<number, readonly number[]> | undefined;

/** Adds to a set all that simple case folding makes equal to a member. */
export function folded(ranges: Ranges): number[] {
  orbits ??= buildOrbits();
  const out = [...ranges];
  for (let i = 0; i < ranges.length; i += 2) {
    const lo = ranges[i]!;
    const hi = ranges[i + 1]!;
    if (hi - lo > orbits.size) {
      for (const [point, orbit] of orbits) {
        if (point >= lo && point <= hi) for (const other of orbit) out.push(other, other);
      }
      continue;
    }
    for (let point = lo; point <= hi; point++) {
      for (const other of orbits.get(point) ?? []) out.push(other, other);
    }
  }
  return canonical(out);
}

function buildOrbits(): Map<number, readonly number[]> {
  const found = new Map<number, number[]>();
  const join = (a: number, b: number): void => {
    // The upper or lower case of a letter is not always its folding (dotless i): ask the engine's own folding.
    if (!new RegExp(`^\\u{${a.toString(16)}}$`, "iu").test(String.fromCodePoint(b))) return;
    const all = [...new Set([...(found.get(a) ?? [a]), ...(found.get(b) ?? [b])])];
    for (const point of all) found.set(point, all);
  };
  for (let point = 0; point < 0x1f000; point++) {
    if (point === 0xd800) point = 0xe000;
    const text = String.fromCodePoint(point);
    for (const other of [text.toLowerCase(), text.toUpperCase()]) {
      const single = other.codePointAt(0) ?? 0;
      if (other !== text && String.fromCodePoint(single) === other) join(point, single);
    }
  }
  return found;
}
