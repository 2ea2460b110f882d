// SPDX-License-Identifier: Apache-2.0
/**
 * The judge table: one byte automaton with everything that decides a request, as TypeScript and the BPF programs run it,
 * byte for byte. `l7policy/` compiles it, `sockmap/` loads it into one map value, `scripts/gen-abi.mjs` writes these
 * constants into the C header. Little endian.
 *
 *     header | classes: u16[256] | requirements | rows
 *
 * A row is what follows each class of bytes from one state: u32 offsets (from the start of the table) of the next rows.
 * `classes[byte]` is the offset within a row, so a step is `row = u32(row + classes[byte])`. Rows below `actionEnd` are
 * action rows: entering one means something, said by the ACTION that stands in the bytes right before it.
 *
 *     row = start
 *     for each byte: row = u32(row + classes[byte]); if (row < actionEnd) act(action before row)
 *
 * State of a run beside the row: `got`, the conditions met so far; `list`, the requirements that one of the rules for
 * this method and path has; `length`, the declared length of the body; `expect`, how the answer will be framed.
 * The request is allowed when, at `end`, some requirement of `list` has all bits of its mask in `got`.
 *
 * TypeScript runs the same rows field by field over what its strict parser found, and is therefore sure where the kernel
 * is not: it goes on behind `unsure`, where the kernel gives up.
 */

/** Offsets of the header's u32 fields. */
export const TableHeader = {
  /** Of this layout; a program refuses another. */
  version: 0,
  /** Bytes in use. */
  length: 4,
  /** Row before the first byte of a message. */
  start: 8,
  /** Action rows lie below this offset, plain rows from it on. */
  actionEnd: 12,
  /** Row before the first byte of a header line or of the empty line that ends the head (HTTP); else 0. */
  line: 16,
  /** First byte of the requirements; offset 0 of `list` means none. */
  requirements: 20,
  /** Number that the kernel adds to a requirement's `rule` to find its counters. Set when the table is loaded. */
  series: 24,
  /** `TableFlag` bits. */
  flags: 28,
  /** Of this table among all that were loaded: heads are remembered under it. Set when the table is loaded. */
  serial: 32,
  size: 40,
} as const;

/** What a table says of itself. */
export const TableFlag = {
  /** Only TypeScript may run it: the compiler has named why. */
  userSpaceOnly: 1,
} as const;

/** First byte of the class map, a u16 for every byte value. */
export const TABLE_CLASSES = 40;
/** First byte that requirements may take. */
export const TABLE_BODY = TABLE_CLASSES + 512;
/** Of this layout. */
export const TABLE_VERSION = 1;

/** An action takes the 16 bytes before its row: u64 bits, u8 kind, u8 expect, u16 zero, u32 value. */
export const TableAction = { bits: -16, kind: -8, expect: -7, value: -4, size: 16 } as const;

/** What entering an action row means. */
export const ActionKind = {
  /** Nothing that follows can be allowed; `value` is an `Outcome` number (`slow:not-canonical` or `slow:not-allowed`). */
  refuse: 0,
  /** Not canonical: the kernel stops, TypeScript goes on. `value` as above. */
  unsure: 1,
  /** Method and path are complete: `list := value`, `expect := expect`. */
  target: 2,
  /** A field is complete: stops when a bit of `once` is in both `bits` and `got`; else `got |= bits`. */
  field: 3,
  /** The byte is a digit of the body's length: `length = length * 10 + digit`. */
  digit: 4,
  /**
   * The head is complete with this byte. Stops when `got` lacks a bit of `bits`, or has two lengths; else the verdict is
   * taken.
   */
  end: 5,
  /**
   * A value without meaning begins. Printable bytes (0x20 to 0x7e) may be passed over without a look at the rows, eight at
   * a time; where CR LF stands behind them, `line` is the row behind those. The row itself goes on byte by byte.
   */
  skip: 6,
} as const;

/**
 * How far the kernel reads a head. A step ends with an action, or with `chunk` bytes without one; a head that takes more
 * than `steps` is not judged there. Every header line has an action of its own, so a head has fewer lines than steps.
 */
export const JudgeBound = {
  /** Bytes behind which no step begins. */
  head: 4096,
  chunk: 128,
  steps: 100,
  /** Words of eight bytes that one `skip` passes over. */
  words: 32,
  /** Digits of a length that are read in one step behind its first. */
  digits: 8,
  /** Longest head that is remembered, in words of eight bytes: with what the kernel keeps beside it, 1 KiB of a socket. */
  remembered: 104,
  /** Longest first line that is read alone, before fields that are remembered, in bytes; and no more steps than it takes. */
  first: 256,
  "first-steps": 4,
} as const;

/**
 * A requirement takes 16 bytes: u64 mask, u32 rule (its position in the rule set), u32 last (1 ends the list). Lists are
 * ordered so that the rule that stands first among those fulfilled is the one counted.
 */
export const TableRequirement = { mask: 0, rule: 8, last: 12, size: 16 } as const;

/** Most requirements of one list that the kernel looks at; longer ones make a table `userSpaceOnly`. */
export const MOST_REQUIREMENTS = 16;

/** Bits of `got` with a meaning of their own; conditions of rules take the bits below. */
export const TableBit = {
  /** Exactly one Host was seen (HTTP). */
  host: 63,
  /** A Content-Length was seen (HTTP). */
  length: 62,
  /** The body is chunked (HTTP responses). */
  chunked: 61,
  /** The answer has no body whatever its length says (HTTP 204, 304). */
  bodiless: 60,
} as const;

/** Bits that may be set once only: Host, Content-Length and Transfer-Encoding. */
export const ONCE_BITS = (1n << 63n) | (1n << 62n) | (1n << 61n);

/** Bits of which one head has one at most: Content-Length and Transfer-Encoding. */
export const TWO_LENGTHS = (1n << 62n) | (1n << 61n);

/** Conditions of rules that fit beside the bits above. */
export const MOST_CONDITIONS = 60;

/** Sizes in bytes of the map values that tables are loaded into; a larger table is judged in TypeScript only. */
export const TABLE_SIZES = [32 * 1024, 512 * 1024, 8 * 1024 * 1024] as const;

/** `expect` of an action: how the answer to this request is framed, as `Request.expectation` of the protocol numbers it. */
export const MOST_EXPECT = 255;

/** memcached: `expect` of a command's target is how it is answered. The first two are `Expected` of the codecs. */
export const CommandAnswer = { line: 0, values: 1, none: 2 } as const;

/** memcached: `expect` of the target of one line of an answer is what the line is. */
export const AnswerLine = {
  /** All of an answer: it was done; it was not; it failed. */
  done: 1,
  not: 2,
  error: 3,
  /** Ends the answer to a lookup. */
  end: 4,
  /** Data of the length given and CRLF follow, then another line. */
  value: 5,
} as const;

/** memcached: how far the kernel reads. */
export const CommandBound = {
  /** Longest key, in bytes. */
  key: 250,
  /** Times that a space is looked for in a longer line; four of them pass over 244 bytes or more. */
  looks: 80,
  /** Longest line of an answer. */
  answer: 320,
  /** Most digits of the flags and of the length of a value in an answer. */
  "flags-digits": 10,
  "length-digits": 9,
  /** Most lines of an answer in one send. */
  lines: 18,
} as const;
