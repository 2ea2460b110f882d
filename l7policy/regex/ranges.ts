// SPDX-License-Identifier: Apache-2.0
import { MAX_CODE_POINT, RegexError } from "./syntax.js";

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
export const PERL_CLASSES: Readonly<Record<string, Ranges>> = {
  d: DIGIT,
  s: [9, 10, 12, 13, 32, 32],
  w: WORD,
};

/** `[[:name:]]` (RE2 "ASCII character classes"). */
export const POSIX_CLASSES: Readonly<Record<string, Ranges>> = {
  alnum: [...DIGIT, ...UPPER, ...LOWER],
  alpha: [...UPPER, ...LOWER],
  ascii: [0, 127],
  blank: [9, 9, 32, 32],
  cntrl: [0, 31, 127, 127],
  digit: DIGIT,
  graph: [33, 126],
  lower: LOWER,
  print: [32, 126],
  punct: [33, 47, 58, 64, 91, 96, 123, 126],
  space: [9, 13, 32, 32],
  upper: UPPER,
  word: WORD,
  xdigit: [...DIGIT, 65, 70, 97, 102],
};

const CATEGORY = /^(?:C[cfos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?)$/;
const SCRIPT = /^[A-Z][A-Za-z]*(?:_[A-Z][A-Za-z]*)*$/;
const unicode = new Map<string, number[]>();
let everything: string | undefined;

/** Code points of a Unicode general category or script by RE2's name, e.g. `Lu`, `Greek`, `Any`. */
export function unicodeClass(name: string, offset: number): Ranges {
  if (name === "Any") return [0, MAX_CODE_POINT];
  const known = unicode.get(name);
  if (known) return known;
  let ranges: number[];
  if (name === "C") {
    // RE2's C leaves unassigned code points out, JavaScript's does not.
    ranges = canonical(["Cc", "Cf", "Co", "Cs"].flatMap((part) => unicodeClass(part, offset)));
  } else if (CATEGORY.test(name)) {
    ranges = runsOf(`\\p{${name}}`);
  } else {
    try {
      if (!SCRIPT.test(name)) throw new SyntaxError(name);
      ranges = runsOf(`\\p{Script=${name}}`);
    } catch {
      throw new RegexError(`invalid character class range: \`\\p{${name}}\``, offset);
    }
  }
  unicode.set(name, ranges);
  return ranges;
}

/** Runs of code points that a JavaScript property escape matches. */
function runsOf(escape: string): number[] {
  const run = new RegExp(`${escape}+`, "gu");
  everything ??= allCodePoints();
  const out: number[] = [];
  for (const match of everything.matchAll(run)) {
    const first = match[0].codePointAt(0) ?? 0;
    // A run never crosses the gap of the surrogates: they are not in the text.
    out.push(first, first + (match[0].length >> (first > 0xffff ? 1 : 0)) - 1);
  }
  return escape === "\\p{Cs}" ? [0xd800, 0xdfff] : splitAtPlanes(out);
}

/** A run that starts below U+10000 and ends above it was measured in UTF-16 units of both sizes. */
function splitAtPlanes(ranges: number[]): number[] {
  const out: number[] = [];
  for (let i = 0; i < ranges.length; i += 2) {
    const lo = ranges[i]!;
    const hi = ranges[i + 1]!;
    if (lo <= 0xffff && hi > 0xffff) out.push(lo, 0xffff, 0x10000, 0x10000 + ((hi - 0xffff) >> 1) - 1);
    else out.push(lo, hi);
  }
  return canonical(out);
}

function allCodePoints(): string {
  const parts: string[] = [];
  for (let start = 0; start <= MAX_CODE_POINT; start += 0x1000) {
    if (start >= 0xd800 && start < 0xe000) continue;
    const block = Array.from({ length: 0x1000 }, (_, i) => start + i).filter((c) => c < 0xd800 || c > 0xdfff);
    parts.push(String.fromCodePoint(...block));
  }
  return parts.join("");
}
