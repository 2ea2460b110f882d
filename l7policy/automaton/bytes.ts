// SPDX-License-Identifier: Apache-2.0

/** A set of byte values as 256 flags. Never changed once shared. */
export type ByteSet = Uint8Array;

/** The bytes that a predicate accepts. */
export function setOf(accepts: (byte: number) => boolean): ByteSet {
  return Uint8Array.from({ length: 256 }, (_, byte) => (accepts(byte) ? 1 : 0));
}

/** The set of each single byte, so that equal ones are one object. */
export const SINGLE: readonly ByteSet[] = Array.from({ length: 256 }, (_, only) =>
  setOf((byte) => byte === only),
);

const rangeSets = new Map<number, ByteSet>();

/** The bytes from `lo` to `hi`; equal ranges are one object. */
export function rangeSet(lo: number, hi: number): ByteSet {
  const key = lo * 256 + hi;
  let set = rangeSets.get(key);
  if (!set) rangeSets.set(key, (set = setOf((byte) => byte >= lo && byte <= hi)));
  return set;
}

/** ASCII letters, digits and underscore. */
export const WORD: ByteSet = setOf((byte) => /[0-9A-Za-z_]/.test(String.fromCharCode(byte)));
/** The line feed. */
export const LINE_FEED: ByteSet = SINGLE[10]!;

/** Bytes that no set tells apart, as classes numbered from 0. */
export interface ByteClasses {
  /** Class of each byte. */
  readonly of: Uint8Array;
  readonly count: number;
  /** One byte of each class. */
  readonly sample: Uint8Array;
}

/** The coarsest classes in which each set is a union of classes. */
export function classesOf(sets: Iterable<ByteSet>): ByteClasses {
  const of = new Uint8Array(256);
  let count = 1;
  for (const set of new Set(sets)) {
    if (count === 256) break;
    // The members of a class that lie in the set become a class of their own, unless all or none do.
    const inside = new Int32Array(count);
    const size = new Int32Array(count);
    for (let byte = 0; byte < 256; byte++) {
      const now = of[byte]!;
      size[now]!++;
      if (set[byte]) inside[now]!++;
    }
    const split = new Int32Array(count).fill(-1);
    for (let byte = 0; byte < 256; byte++) {
      const now = of[byte]!;
      if (!set[byte] || inside[now] === size[now]) continue;
      if (split[now] === -1) split[now] = count++;
      of[byte] = split[now]!;
    }
  }
  const sample = new Uint8Array(count);
  for (let byte = 255; byte >= 0; byte--) sample[of[byte]!] = byte;
  return { of, count, sample };
}
