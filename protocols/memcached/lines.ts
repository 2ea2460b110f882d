// SPDX-License-Identifier: Apache-2.0
import { CR, KEY_MAX, LF, SP, VALUE_MAX } from "./frames.js";
import { equals } from "./commands.js";
import { classify, decimal, isDigit, Number10 } from "./number.js";

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

const WORDS: readonly (readonly [string, Line])[] = [
  ["VALUE", Line.value],
  ["VA", Line.va],
  ["STAT", Line.stat],
  ["ITEM", Line.stat],
  ["PREFIX", Line.stat],
  ["END", Line.end],
  ["ERROR", Line.error],
  ["ERROR:", Line.error],
  ["CLIENT_ERROR", Line.error],
  ["SERVER_ERROR", Line.error],
  ["MN", Line.mn],
];
/** The words by their first byte. */
const BY_FIRST: { readonly word: Uint8Array; readonly kind: Line }[][] = Array.from(
  { length: 256 },
  () => [],
);
for (const [word, kind] of WORDS) BY_FIRST[word.charCodeAt(0)]?.push({ word: Buffer.from(word), kind });

/** Kind of the line at bytes [start, end), told by its first word. */
export function lineKind(bytes: Uint8Array, start: number, end: number): Line {
  const words = BY_FIRST[bytes[start] ?? 0];
  if (!words || words.length === 0) return Line.other;
  const wordEnd = nextSpace(bytes, start, end);
  for (const { word, kind } of words) if (equals(bytes, start, wordEnd, word)) return kind;
  return Line.other;
}

/** Bytes of `VALUE `, and digits of a cas unique. */
const VALUE = 6;
const UNIQUE_DIGITS = 20;
const NUMBER_DIGITS = 10;

/**
 * Bytes of the item at `at` as memcached writes it: its `VALUE` line, its data and their CRLF. 0 where that is not all there,
 * or written otherwise: then it is for {@link lineKind} and {@link lengthOf} to say what it is.
 */
export function itemLength(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== 0x56 || bytes[at + 1] !== 0x41 || bytes[at + 2] !== 0x4c) return 0;
  if (bytes[at + 3] !== 0x55 || bytes[at + 4] !== 0x45 || bytes[at + 5] !== SP) return 0;
  const key = at + VALUE;
  let i = key;
  while ((bytes[i] ?? 0) > SP) i++;
  if (bytes[i] !== SP || i === key || i - key > KEY_MAX) return 0;
  const flags = ++i;
  while (isDigit(bytes[i])) i++;
  if (bytes[i] !== SP || i === flags || i - flags > NUMBER_DIGITS) return 0;
  const digits = ++i;
  let length = 0;
  for (let byte = bytes[i]; isDigit(byte); byte = bytes[++i]) length = length * 10 + ((byte ?? 0) - 0x30);
  if (i === digits || i - digits > NUMBER_DIGITS || length > VALUE_MAX) return 0;
  if (bytes[i] === SP) {
    const unique = ++i;
    while (isDigit(bytes[i])) i++;
    if (i === unique || i - unique > UNIQUE_DIGITS) return 0;
  }
  if (bytes[i] !== CR || bytes[i + 1] !== LF) return 0;
  const end = i + 2 + length;
  return bytes[end] === CR && bytes[end + 1] === LF ? end + 2 - at : 0;
}

/** True when `END` and its line end stand at `at`. */
export function endsAt(bytes: Uint8Array, at: number): boolean {
  if (bytes[at] !== 0x45 || bytes[at + 1] !== 0x4e || bytes[at + 2] !== 0x44) return false;
  return bytes[at + 3] === CR && bytes[at + 4] === LF;
}

/** Bytes of `END` with its line end. */
export const END = 5;

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
