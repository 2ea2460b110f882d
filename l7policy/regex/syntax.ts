// SPDX-License-Identifier: Apache-2.0
/**
 * A regular expression after parsing. Captures and laziness are gone: policy asks only whether a whole field matches,
 * and neither changes the answer.
 */
export type Regex =
  | { readonly kind: "empty" }
  | CharacterClass
  | { readonly kind: "concat"; readonly parts: readonly Regex[] }
  | { readonly kind: "alternate"; readonly parts: readonly Regex[] }
  /** `max` is -1 for no upper bound. */
  | { readonly kind: "repeat"; readonly part: Regex; readonly min: number; readonly max: number }
  | { readonly kind: "assert"; readonly assertion: Assertion };

/** One code point out of ascending, disjoint, inclusive ranges [lo, hi, lo, hi, ...]; no range: matches nothing. */
export interface CharacterClass {
  readonly kind: "class";
  readonly ranges: readonly number[];
}

/** Zero-width conditions. Words are ASCII words, as in RE2. */
export const Assertion = {
  beginText: 0,
  endText: 1,
  beginLine: 2,
  endLine: 3,
  wordBoundary: 4,
  noWordBoundary: 5,
} as const;
export type Assertion = (typeof Assertion)[keyof typeof Assertion];

/** Greatest code point. */
export const MAX_CODE_POINT = 0x10ffff;

/** Matches the empty text. */
export const EMPTY: Regex = { kind: "empty" };

const ASCII: readonly CharacterClass[] = Array.from({ length: 128 }, (_, point) => ({
  kind: "class",
  ranges: [point, point],
}));

/** Matches one given code point. */
export function codePoint(point: number): CharacterClass {
  return ASCII[point] ?? { kind: "class", ranges: [point, point] };
}

/** Matches the text itself, by code point. */
export function literal(text: string): Regex {
  return concat([...text].map((c) => codePoint(c.codePointAt(0) ?? 0)));
}

/** Matches any text, line feeds too. */
export const ANYTHING: Regex = {
  kind: "repeat",
  part: { kind: "class", ranges: [0, MAX_CODE_POINT] },
  min: 0,
  max: -1,
};

/** Matches one part after the other. */
export function concat(parts: readonly Regex[]): Regex {
  const [only] = parts;
  if (only === undefined) return EMPTY;
  return parts.length === 1 ? only : { kind: "concat", parts };
}

/** Matches any of the parts. */
export function alternate(parts: readonly Regex[]): Regex {
  const [only] = parts;
  return parts.length === 1 && only ? only : { kind: "alternate", parts };
}

/** Why a pattern is not accepted: RE2's own words for the kind of error, and where. */
export class RegexError extends Error {
  override readonly name = "RegexError";

  constructor(
    message: string,
    /** Offset into the pattern in UTF-16 units. */
    readonly offset: number,
  ) {
    super(message);
  }
}
