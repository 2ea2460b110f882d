// SPDX-License-Identifier: Apache-2.0
import { SP, VALUE_MAX } from "./frames.js";
import { classify, decimal, Number10 } from "./number.js";

/** What a line of a text or meta answer says about the lines behind it. */
export enum Line {
  /** `VALUE key flags bytes [cas]`: data, then further lines. */
  value,
  /** `VA bytes flags*`: data. */
  va,
  /** `STAT`, `ITEM`, `PREFIX`: further lines. */
  stat,
  end,
  /** `ERROR`, `CLIENT_ERROR`, `SERVER_ERROR`: ends any answer. */
  error,
  mn,
  /** Any other line: an answer by itself. */
  other,
}

const WORDS: readonly (readonly [Uint8Array, Line])[] = [
  [Buffer.from("VALUE"), Line.value],
  [Buffer.from("VA"), Line.va],
  [Buffer.from("STAT"), Line.stat],
  [Buffer.from("ITEM"), Line.stat],
  [Buffer.from("PREFIX"), Line.stat],
  [Buffer.from("END"), Line.end],
  [Buffer.from("ERROR"), Line.error],
  [Buffer.from("ERROR:"), Line.error],
  [Buffer.from("CLIENT_ERROR"), Line.error],
  [Buffer.from("SERVER_ERROR"), Line.error],
  [Buffer.from("MN"), Line.mn],
];

/** Kind of the line at bytes [start, end), told by its first word. */
export function lineKind(bytes: Uint8Array, start: number, end: number): Line {
  const wordEnd = nextSpace(bytes, start, end);
  for (const [word, kind] of WORDS) {
    if (word.length !== wordEnd - start || word[0] !== bytes[start]) continue;
    let i = 1;
    while (i < word.length && word[i] === bytes[start + i]) i++;
    if (i === word.length) return kind;
  }
  return Line.other;
}

/** Length of the data that a `VALUE` or `VA` line announces; NaN when it is no length. */
export function lengthOf(bytes: Uint8Array, start: number, end: number, kind: Line): number {
  let from = start;
  let to = nextSpace(bytes, start, end);
  for (let skip = kind === Line.value ? 3 : 1; skip > 0; skip--) {
    from = to + 1;
    to = nextSpace(bytes, from, end);
  }
  if (from >= end || classify(bytes, from, to, 10, false) !== Number10.good) return NaN;
  const length = decimal(bytes, from, to);
  return length > VALUE_MAX ? NaN : length;
}

function nextSpace(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] !== SP) at++;
  return at;
}
