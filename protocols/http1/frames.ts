// SPDX-License-Identifier: Apache-2.0
/** Bytes and character classes of HTTP/1.1 (RFC 9110, RFC 9112). */

export const CR = 0x0d;
export const LF = 0x0a;
export const SP = 0x20;
export const HT = 0x09;
export const COLON = 0x3a;

/** `CRLF CRLF`, the end of a head. */
export const HEAD_END = Buffer.from("\r\n\r\n");

function classOf(accepts: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (accepts(byte) ? 1 : 0));
}

/** tchar (RFC 9110 5.6.2): methods and field names. */
export const TOKEN = classOf((byte) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)));

/** Bytes of a request target; what RFC 3986 does not allow there is refused, `#` and `\` among them. */
export const TARGET = classOf(
  (byte) => byte > 0x20 && byte < 0x7f && !'"#<>\\^`{|}'.includes(String.fromCharCode(byte)),
);

/** Bytes of a field value (RFC 9110 5.5): visible, space, tab and obs-text. */
export const VALUE = classOf((byte) => byte === HT || (byte >= 0x20 && byte !== 0x7f));

/** Bytes of a Host value or authority. */
export const AUTHORITY = classOf((byte) =>
  /[A-Za-z0-9\-._~!$&'()*+,;=:[\]%]/.test(String.fromCharCode(byte)),
);

/** Value of a hexadecimal digit, 255 for other bytes. */
export const HEX = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(digit) ? 255 : digit;
});

/** Compares bytes [start, end) with a lower-case ASCII word, ignoring case. */
export function equalsWord(bytes: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) {
    const byte = bytes[start + i] ?? 0;
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (lower !== word.charCodeAt(i)) return false;
  }
  return true;
}

/** Compares two byte ranges, ignoring ASCII case. */
export function equalRanges(bytes: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): boolean {
  if (aEnd - a !== bEnd - b) return false;
  for (let i = 0; i < aEnd - a; i++) {
    const left = bytes[a + i] ?? 0;
    const right = bytes[b + i] ?? 0;
    if (left !== right && ((left ^ right) !== 0x20 || (left | 0x20) < 0x61 || (left | 0x20) > 0x7a))
      return false;
  }
  return true;
}
