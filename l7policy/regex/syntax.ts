// SPDX-License-Identifier: Apache-2.0
/**
 * A regular expression after parsing. Captures and laziness are gone: policy asks only whether a whole field matches,
 * and neither changes the answer.
 */
export type Regex =
  | { readonly kind: "empty" }
  /** One code point out of ascending, disjoint, inclusive ranges [lo, hi, lo, hi, ...]; no range: matches nothing. */
  | { readonly kind: "class"; readonly ranges: readonly number[] }
  | { readonly kind: "concat"; readonly parts: readonly Regex[] }
  | { readonly kind: "alternate"; readonly parts: readonly Regex[] }
  /** `max` is -1 for no upper bound. */
  | { readonly kind: "repeat"; readonly part: Regex; readonly min: number; readonly max: number }
  | { readonly kind: "assert"; readonly assertion: Assertion };

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

export const EMPTY: Regex = { kind: "empty" };

/** Matches one given code point. */
export function codePoint(point: number): Regex {
  return { kind: "class", ranges: [point, point] };
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

/** Matches one text after the other; nested sequences are flattened. */
export function concat(parts: readonly Regex[]): Regex {
  const flat: Regex[] = [];
  for (const part of parts) {
    if (part.kind === "concat") flat.push(...part.parts);
    else if (part.kind !== "empty") flat.push(part);
  }
  const only = flat[0];
  if (only === undefined) return EMPTY;
  return flat.length === 1 ? only : { kind: "concat", parts: flat };
}

/** Matches any of the parts. */
export function alternate(parts: readonly Regex[]): Regex {
  const only = parts[0];
  if (only === undefined) return { kind: "class", ranges: [] };
  return parts.length === 1 ? only : { kind: "alternate", parts };
}

/** Why a pattern is not accepted: RE2's own words for the kind of error, and where. */
export class RegexError extends Error {
  override readonly name = "RegexError";
  /** Offset into the pattern in UTF-16 units. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}
