// SPDX-License-Identifier: Apache-2.0
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const DIGIT = new Uint8Array(256).fill(255);
for (let i = 0; i < 64; i++) DIGIT[ALPHABET.charCodeAt(i)] = i;
const PAD = 0x3d;

/**
 * Decodes base64 (RFC 4648 section 4) bytes [start, end) to `into` at `at`.
 * Only the one canonical spelling is taken: padded, no foreign bytes, no stray bits; two readers cannot differ on it.
 * @returns offset behind the decoded bytes, -1 when the text is not canonical or empty
 */
export function decodeBase64(
  bytes: Uint8Array,
  start: number,
  end: number,
  into: Uint8Array,
  at: number,
): number {
  if (end === start || (end - start) % 4 !== 0) return -1;
  let to = at;
  for (let from = start; from < end; from += 4) {
    let pads = 0;
    if (from + 4 === end) {
      if (bytes[end - 1] === PAD) pads++;
      if (pads === 1 && bytes[end - 2] === PAD) pads++;
    }
    let group = 0;
    for (let i = 0; i < 4 - pads; i++) {
      const digit = DIGIT[bytes[from + i] ?? 0] ?? 255;
      if (digit === 255) return -1;
      group |= digit << (18 - 6 * i);
    }
    if (pads > 0 && (group & (pads === 1 ? 0xff : 0xffff)) !== 0) return -1;
    into[to++] = group >> 16;
    if (pads < 2) into[to++] = group >> 8;
    if (pads < 1) into[to++] = group;
  }
  return to;
}
