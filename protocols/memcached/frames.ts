// SPDX-License-Identifier: Apache-2.0
/** Bytes, opcodes and limits of memcached 1.6's text, meta and binary protocols. */

import { groupOf } from "./groups.js";

export const CR = 0x0d;
export const LF = 0x0a;
export const SP = 0x20;

/** First byte of a binary request and of its answer; everything else begins a text command. */
export const Magic = { request: 0x80, response: 0x81 } as const;

/** Bytes of a binary header. */
export const HEADER = 24;

/** Longest key, in bytes. */
export const KEY_MAX = 250;

/** Largest value that memcached can be told to hold (`-I 1024m`); longer ones are refused before their first byte. */
export const VALUE_MAX = 1024 * 1024 * 1024;

/** Tokens of a command that memcached looks at; only retrievals read on. */
export const TOKENS_MAX = 23;

/** Tokens of a meta command, the command itself among them. */
export const META_TOKENS_MAX = 19;

/** Meta no-op: answered `MN` after every answer that is due before it. */
export const MN = Buffer.from("mn\r\n");

/** How extras, key and value of a binary request may be laid out. */
export enum Layout {
  /** Nothing but the header. */
  bare,
  /** Key alone. */
  key,
  /** Key if there is one: `stat`. */
  optionalKey,
  /** 8 bytes of extras, key, value. */
  storage,
  /** Key and value. */
  append,
  /** 20 bytes of extras and key. */
  counter,
  /** 4 bytes of extras and key. */
  touch,
  /** 4 bytes of extras or nothing. */
  flush,
}

/** One opcode of the binary protocol. */
export interface Opcode {
  /** Name of the same command in the text protocol, as bytes, for policy. */
  readonly name: Uint8Array;
  readonly layout: Layout;
  /** Answered only when there is something to tell (a hit, an error). */
  readonly quiet: boolean;
  /** The connection ends with it. */
  readonly last: boolean;
  /** Position in `GROUPS`. */
  readonly group: number;
  /** Its answer repeats the key. */
  readonly echoes: boolean;
  /** What stands where a key does is a key, not a subcommand. */
  readonly keyed: boolean;
}

/** Number of the binary no-op, answered after every answer that is due before it. */
export const NOOP = 0x0a;

/** Number of the binary `stat`, answered by many frames. */
export const STAT = 0x10;

/** Opcodes that memcached 1.6 knows, by number. */
export const OPCODES: readonly (Opcode | undefined)[] = table({
  get: [Layout.key, 0x00, 0x09],
  set: [Layout.storage, 0x01, 0x11],
  add: [Layout.storage, 0x02, 0x12],
  replace: [Layout.storage, 0x03, 0x13],
  delete: [Layout.key, 0x04, 0x14],
  incr: [Layout.counter, 0x05, 0x15],
  decr: [Layout.counter, 0x06, 0x16],
  quit: [Layout.bare, 0x07, 0x17],
  flush_all: [Layout.flush, 0x08, 0x18],
  noop: [Layout.bare, NOOP, undefined],
  version: [Layout.bare, 0x0b, undefined],
  getk: [Layout.key, 0x0c, 0x0d],
  append: [Layout.append, 0x0e, 0x19],
  prepend: [Layout.append, 0x0f, 0x1a],
  stats: [Layout.optionalKey, STAT, undefined],
  touch: [Layout.touch, 0x1c, undefined],
  gat: [Layout.touch, 0x1d, 0x1e],
  sasl_list_mechs: [Layout.bare, 0x20, undefined],
  sasl_auth: [Layout.append, 0x21, undefined],
  sasl_step: [Layout.append, 0x22, undefined],
  gatk: [Layout.touch, 0x23, 0x24],
});

function table(rows: Record<string, [Layout, number, number | undefined]>): (Opcode | undefined)[] {
  const opcodes: (Opcode | undefined)[] = [];
  for (const [row, [layout, loud, quiet]] of Object.entries(rows)) {
    // Whether the answer repeats the key makes no other command of it.
    const text = row === "getk" ? "get" : row === "gatk" ? "gat" : row;
    const name = Buffer.from(text);
    const keyed = layout !== Layout.bare && layout !== Layout.optionalKey && !text.startsWith("sasl");
    const one = { name, layout, last: text === "quit", keyed, echoes: text !== row, group: groupOf(text) };
    opcodes[loud] = { ...one, quiet: false };
    if (quiet !== undefined) opcodes[quiet] = { ...one, quiet: true };
  }
  return opcodes;
}

/** Status of binary answers. */
export const Status = {
  missing: 1,
  tooLarge: 3,
  invalid: 4,
  denied: 8,
  unknown: 0x81,
  internal: 0x84,
  unavailable: 0x86,
} as const;

/** A binary answer without extras: a text, or (`key`) a key alone. The opaque is sent back as it came. */
export function binaryAnswer(
  opcode: number,
  opaque: number,
  status: number,
  text: string,
  key = false,
): Uint8Array {
  const frame = Buffer.alloc(HEADER + text.length);
  frame[0] = Magic.response;
  frame[1] = opcode;
  if (key) frame.writeUInt16BE(text.length, 2);
  frame.writeUInt16BE(status, 6);
  frame.writeUInt32BE(text.length, 8);
  frame.writeUInt32BE(opaque, 12);
  frame.write(text, HEADER, "latin1");
  return frame;
}

/** A binary no-op. */
export function binaryNoop(opaque: number): Uint8Array {
  const frame = Buffer.alloc(HEADER);
  frame[0] = Magic.request;
  frame[1] = NOOP;
  frame.writeUInt32BE(opaque, 12);
  return frame;
}

/**
 * How the answer to a request is framed. Text: one of these. Binary: {@link binaryExpectation}.
 */
export const Expectation = {
  /** One line. */
  line: 0,
  /** `VALUE` lines with their data, then `END`; or one line of error. */
  values: 1,
  /** `STAT`, `ITEM` or `PREFIX` lines, then `END`; or one line. */
  stats: 2,
  /** One line; `VA` is followed by data. */
  meta: 3,
  /** Perhaps a meta answer, then the `MN` of the no-op that the decoder added. */
  quiet: 4,
} as const;

const BINARY = 2 ** 40;

/** Expectation of a binary request: its opcode and opaque in one number. */
export function binaryExpectation(opcode: number, opaque: number): number {
  return BINARY + opcode * 2 ** 32 + opaque;
}

/** True for a number made by {@link binaryExpectation}. */
export function isBinary(expectation: number): boolean {
  return expectation >= BINARY;
}

/** Opcode of a binary expectation. */
export function opcodeOf(expectation: number): number {
  return Math.floor((expectation - BINARY) / 2 ** 32);
}

/** Opaque of a binary expectation. */
export function opaqueOf(expectation: number): number {
  return expectation % 2 ** 32;
}

/** Big-endian 32-bit word. */
export function word(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) |
      ((bytes[at + 1] ?? 0) << 16) |
      ((bytes[at + 2] ?? 0) << 8) |
      (bytes[at + 3] ?? 0)) >>>
    0
  );
}
