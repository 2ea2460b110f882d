// SPDX-License-Identifier: Apache-2.0
/** How memcached takes a decimal argument, told without doubt or not at all. */
export const Number10 = {
  /** Digits (after one `-` where that is allowed): read as written. */
  good: 0,
  /** Refused by memcached: no number, or something behind it. */
  bad: 1,
  /** Accepted by memcached in a way that not everybody shares: sign, white space, more digits than fit. */
  unsure: 2,
} as const;

/** Class of the argument at bytes [start, end); numbers of more than `digits` digits are unsure. */
export function classify(
  bytes: Uint8Array,
  start: number,
  end: number,
  digits: number,
  negative: boolean,
): number {
  let at = start;
  if (bytes[at] === 0x2d) {
    if (!negative) return Number10.bad;
    at++;
  }
  const first = at;
  while (at < end && isDigit(bytes[at])) at++;
  if (at === end) {
    if (at === first) return Number10.bad;
    return at - first <= digits ? Number10.good : Number10.unsure;
  }
  // strtol skips white space and a sign in front, and memcached takes white space behind.
  return isSpaceOrSign(bytes[at] ?? 0) ? Number10.unsure : Number10.bad;
}

/** Value of digits that are known to be good. */
export function decimal(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) value = value * 10 + ((bytes[at] ?? 0) - 0x30);
  return value;
}

/** True for the bytes 0 to 9. */
export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function isSpaceOrSign(byte: number): boolean {
  return (byte >= 0x09 && byte <= 0x0d) || byte === 0x2b;
}
