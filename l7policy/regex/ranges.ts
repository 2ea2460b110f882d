// SPDX-License-Identifier: Apache-2.0
import { MAX_CODE_POINT } from "./syntax.js";

/** Sets of code points as flat lists [lo, hi, lo, hi, ...]; `canonical` sorts and joins them. */
export type Ranges = readonly number[];

/** Ascending, disjoint, not adjacent. */
export function canonical(ranges: Ranges): number[] {
  const pairs: [number, number][] = [];
  for (let i = 0; i < ranges.length; i += 2) pairs.push([ranges[i]!, ranges[i + 1]!]);
  pairs.sort((a, b) => a[0] - b[0]);
  const out: number[] = [];
  for (const [lo, hi] of pairs) {
    const last = out[out.length - 1];
    if (last !== undefined && lo <= last + 1) out[out.length - 1] = Math.max(last, hi);
    else out.push(lo, hi);
  }
  return out;
}

/** Every code point that is not in the (canonical) set. */
export function negated(ranges: Ranges): number[] {
  const out: number[] = [];
  let from = 0;
  for (let i = 0; i < ranges.length; i += 2) {
    if (ranges[i]! > from) out.push(from, ranges[i]! - 1);
    from = ranges[i + 1]! + 1;
  }
  if (from <= MAX_CODE_POINT) out.push(from, MAX_CODE_POINT);
  return out;
}

const DIGIT = [48, 57];
const LOWER = [97, 122];
const UPPER = [65, 90];
const WORD = [...DIGIT, ...UPPER, 95, 95, ...LOWER];

/** `\d`, `\s`, `\w` (RE2 "Perl character classes", ASCII only). */
export const PERL_CLASSES: ReadonlyMap<string, Ranges> = new Map([
  ["d", DIGIT],
  ["s", [9, 10, 12, 13, 32, 32]],
  ["w", WORD],
]);

/** `[[:name:]]` (RE2 "ASCII character classes"). */
export const POSIX_CLASSES: ReadonlyMap<string, Ranges> = new Map([
  ["alnum", [...DIGIT, ...UPPER, ...LOWER]],
  ["alpha", [...UPPER, ...LOWER]],
  ["ascii", [0, 127]],
  ["blank", [9, 9, 32, 32]],
  ["cntrl", [0, 31, 127, 127]],
  ["digit", DIGIT],
  ["graph", [33, 126]],
  ["lower", LOWER],
  ["print", [32, 126]],
  ["punct", [33, 47, 58, 64, 91, 96, 123, 126]],
  ["space", [9, 13, 32, 32]],
  ["upper", UPPER],
  ["word", WORD],
  ["xdigit", [...DIGIT, 65, 70, 97, 102]],
]);

const CATEGORY = /^(?:C[cfos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?)$/;
const SCRIPT = /^[A-Z][A-Za-z]*(?:_[A-Z][A-Za-z]*)*$/;
const known = new Map<string, Ranges>();

/** Code points of a Unicode general category or script by RE2's name, e.g. `Lu`, `Greek`, `Any`; undefined: no such. */
export function unicodeClass(name: string): Ranges | undefined {
  let ranges = known.get(name);
  if (!ranges) {
    ranges = makeClass(name);
    if (ranges) known.set(name, ranges);
  }
  return ranges;
}

function makeClass(name: string): Ranges | undefined {
  if (name === "Any") return [0, MAX_CODE_POINT];
  // RE2's C leaves unassigned code points out, JavaScript's does not.
  if (name === "C")
    return canonical(["Cc", "Cf", "Co", "Cs"].flatMap((part) => [...(unicodeClass(part) ?? [])]));
  if (CATEGORY.test(name)) return membersOf(new RegExp(`\\p{${name}}`, "u"));
  if (!SCRIPT.test(name)) return undefined;
  try {
    return membersOf(new RegExp(`\\p{Script=${name}}`, "u"));
  } catch {
    return undefined;
  }
}

/** Planes that hold characters; those between are unassigned. */
const PLANES = [0, 1, 2, 3, 14, 15, 16];

function membersOf(property: RegExp): Ranges {
  const out: number[] = [];
  for (const plane of PLANES)
    for (let point = plane << 16; point < (plane + 1) << 16; point++) {
      if (!property.test(String.fromCodePoint(point))) continue;
      if (out[out.length - 1] === point - 1) out[out.length - 1] = point;
      else out.push(point, point);
    }
  return out;
}
