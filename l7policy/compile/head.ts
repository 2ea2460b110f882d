// SPDX-License-Identifier: Apache-2.0
import { ActionKind, TableBit } from "../../core/table.js";
import { setOf, SINGLE, type ByteSet } from "../automaton/bytes.js";
import type { Action, Graph } from "./graph.js";

const text = (byte: number): string => String.fromCharCode(byte);

/** tchar (RFC 9110 5.6.2). */
export const TOKEN = setOf((byte) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(text(byte)));
/** Bytes of a canonical header value. */
export const PRINTABLE = setOf((byte) => byte >= 0x20 && byte <= 0x7e);
/** Decimal digits. */
export const DIGIT = setOf((byte) => byte >= 0x30 && byte <= 0x39);

/** CR, LF, SP and colon. */
export const [CR, LF, SP, COLON] = [0x0d, 0x0a, 0x20, 0x3a];
/** Most digits of a canonical Content-Length: an exact integer in a double. */
const MOST_LENGTH_DIGITS = 15;

/** An action of a kind with bits alone. */
export function act(kind: number, bits = 0n, expect = 0, value = 0): Action {
  return { kind, bits, expect, value };
}

/** One bit as a mask. */
export function bit(number: number): bigint {
  return 1n << BigInt(number);
}

/** Bytes that a text tells apart, letters in both cases as one where `fold` is set. */
export function setsOf(word: string, fold: boolean): ByteSet[] {
  return [...Buffer.from(word)].map((byte) =>
    fold ? setOf((other) => lower(other) === lower(byte)) : SINGLE[byte]!,
  );
}

/** An ASCII letter in lower case; other bytes as they are. */
export function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

/** Reads the value of a header: returns the row before its first byte. `undefined`: the header makes a message unsure. */
export type ValueRows = (() => number) | undefined;

/** The rows of header lines: any token name, one colon, one space, a printable value, CRLF; then the end of the head. */
export class HeaderRows {
  /** Before a header line or the empty line. */
  readonly line: number;
  /** Before the LF of a header line. */
  readonly lineFeed: number;
  private readonly otherName: number;
  private readonly fields = new Map<bigint, number>();

  /** @param valueByte bytes of a value that mean nothing */
  constructor(
    private readonly graph: Graph,
    endBits: bigint,
    valueByte: ByteSet = PRINTABLE,
  ) {
    this.line = graph.add();
    graph.line = this.line;
    this.lineFeed = graph.add();
    graph.on(this.lineFeed, LF, this.line);
    const lastLine = graph.add();
    graph.on(this.line, CR, lastLine);
    graph.on(lastLine, LF, graph.add(act(ActionKind.end, endBits)));

    const value = graph.add();
    graph.onAll(value, (byte) => valueByte[byte] === 1, value);
    graph.on(value, CR, this.lineFeed);
    this.otherName = graph.add();
    graph.onAll(this.otherName, (byte) => TOKEN[byte] === 1, this.otherName);
    graph.on(this.otherName, COLON, this.space(value));
  }

  /** The row before the space that stands in front of a value. */
  private space(value: number): number {
    const row = this.graph.add();
    this.graph.on(row, SP, value);
    return row;
  }

  /** Makes the names: each leads to its value's rows, every other token to a value without meaning. */
  names(names: ReadonlyMap<string, ValueRows>): void {
    this.name(this.line, "", names);
    // A header line does not begin with a colon.
    this.graph.on(this.line, COLON, 0);
  }

  private name(row: number, prefix: string, names: ReadonlyMap<string, ValueRows>): void {
    const { graph } = this;
    const longer = [...names.keys()].filter((name) => name.startsWith(prefix) && name !== prefix);
    const children = new Map<number, number>();
    for (const name of longer) {
      const byte = name.charCodeAt(prefix.length);
      if (!children.has(byte)) children.set(byte, graph.add());
    }
    graph.onAll(row, (byte) => TOKEN[byte] === 1 && !children.has(lower(byte)), this.otherName);
    for (const [byte, child] of children) {
      graph.onAll(row, (other) => lower(other) === byte, child);
      this.name(child, prefix + text(byte), names);
    }
    if (names.has(prefix)) {
      const value = names.get(prefix);
      if (value) graph.on(row, COLON, this.space(value()));
    } else
      graph.on(row, COLON, graph.cells[this.otherName * graph.classes.count + graph.classes.of[COLON]!]!);
  }

  /** The row of the CR that ends a value with these bits; none when there are none. */
  field(bits: bigint): number {
    if (bits === 0n) return this.lineFeed;
    let row = this.fields.get(bits);
    if (row === undefined) {
      row = this.graph.add(act(ActionKind.field, bits));
      this.graph.on(row, LF, this.line);
      this.fields.set(bits, row);
    }
    return row;
  }

  /** A value of 1 to 15 decimal digits: the length of the body; at its end, the bits. */
  contentLength(end: number): number {
    const { graph } = this;
    const first = graph.add();
    let row = first;
    for (let digits = 0; digits < MOST_LENGTH_DIGITS; digits++) {
      const next = graph.add(act(ActionKind.digit));
      graph.onAll(row, (byte) => DIGIT[byte] === 1, next);
      graph.on(next, CR, end);
      row = next;
    }
    return first;
  }

  /** A value that must be one word, without case. */
  word(word: string, end: number): number {
    const { graph } = this;
    const first = graph.add();
    let row = first;
    for (const byte of Buffer.from(word)) {
      const next = graph.add();
      graph.onAll(row, (other) => lower(other) === byte, next);
      row = next;
    }
    graph.on(row, CR, end);
    return first;
  }

  /** Any printable value: `present` bits at its end, and those of each exact value. */
  values(present: bigint, values: ReadonlyMap<string, bigint>): number {
    const { graph } = this;
    const other = graph.add();
    graph.onAll(other, (byte) => PRINTABLE[byte] === 1, other);
    graph.on(other, CR, this.field(present));
    const build = (prefix: string): number => {
      const row = graph.add();
      graph.onAll(row, (byte) => PRINTABLE[byte] === 1, other);
      const next = new Set(
        [...values.keys()].filter((v) => v.startsWith(prefix)).map((v) => v[prefix.length]),
      );
      for (const char of next)
        if (char !== undefined) graph.on(row, char.charCodeAt(0), build(prefix + char));
      graph.on(row, CR, this.field(present | (values.get(prefix) ?? 0n)));
      return row;
    };
    return build("");
  }
}

/** The row before a text that must follow, which leads to `to`. */
export function chain(graph: Graph, word: string, to: number): number {
  let row = to;
  for (const byte of [...Buffer.from(word)].reverse()) {
    const before = graph.add();
    graph.on(before, byte, row);
    row = before;
  }
  return row;
}

/** The bit that says a length was seen. */
export const LENGTH = bit(TableBit.length);
