// SPDX-License-Identifier: Apache-2.0
import { ActionKind, TableBit } from "../../core/table.js";
import { setOf, type ByteSet } from "../automaton/bytes.js";
import { UNSURE, type Action, type Graph } from "./graph.js";

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

/** An ASCII letter in upper case; other bytes as they are. */
function upper(byte: number): number {
  return byte >= 0x61 && byte <= 0x7a ? byte & ~0x20 : byte;
}

/** Reads the value of a header: returns the row before its first byte. `undefined`: the header makes a message unsure. */
export type ValueRows = (() => number) | undefined;

/** The rows of header lines: any token name, one colon, one space, a printable value, CRLF; then the end of the head. */
export class HeaderRows {
  /** Before a header line or the empty line. */
  readonly line: number;
  /** Before the LF of a line that has had its action. */
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
    const first = graph.add(act(ActionKind.skip));
    for (const row of [value, first]) {
      graph.onAll(row, valueByte, value);
      graph.on(row, CR, this.lineFeed);
    }
    this.otherName = graph.add();
    graph.onAll(this.otherName, TOKEN, this.otherName);
    graph.on(this.otherName, COLON, this.space(first));
  }

  /** The row before the space that stands in front of a value. */
  private space(value: number): number {
    const row = this.graph.add();
    this.graph.on(row, SP, value);
    return row;
  }

  /**
   * Makes the names: each leads to its value's rows, every other token to a value without meaning.
   * @param doubtful what other names begin with that make a message unsure
   */
  names(names: ReadonlyMap<string, ValueRows>, doubtful: readonly string[] = []): void {
    this.name(this.line, "", names, doubtful);
    // A header line does not begin with a colon.
    this.graph.on(this.line, COLON, UNSURE);
  }

  private name(
    row: number,
    prefix: string,
    names: ReadonlyMap<string, ValueRows>,
    doubtful: readonly string[],
  ): void {
    const { graph } = this;
    if (!doubtful.some((start) => prefix.startsWith(start))) {
      graph.onAll(row, TOKEN, this.otherName);
      graph.on(row, COLON, graph.behind(this.otherName, COLON));
    }
    const longer = [...names.keys(), ...doubtful].filter(
      (name) => name.startsWith(prefix) && name.length > prefix.length,
    );
    for (const byte of new Set(longer.map((name) => name.charCodeAt(prefix.length)))) {
      const child = graph.add();
      graph.on(row, byte, child);
      graph.on(row, upper(byte), child);
      this.name(child, prefix + text(byte), names, doubtful);
    }
    if (!names.has(prefix)) return;
    const value = names.get(prefix);
    graph.on(row, COLON, value ? this.space(value()) : UNSURE);
  }

  /** The row of the CR that ends a value with these bits; an action without any too, because steps bound the lines. */
  field(bits: bigint): number {
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
      graph.onAll(row, DIGIT, next);
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
      graph.on(row, byte, next);
      graph.on(row, upper(byte), next);
      row = next;
    }
    graph.on(row, CR, end);
    return first;
  }

  /**
   * Any printable value: `present` bits at its end, and those of each exact value. Spaces around a value are no part of
   * it: the codec takes them off, and a table that compares with them would find other rules. Such values are unsure.
   */
  values(present: bigint, values: ReadonlyMap<string, bigint>): number {
    const { graph } = this;
    const other = graph.add();
    const spaced = values.size > 0 ? graph.add() : other;
    const any = (row: number): void => {
      graph.onAll(row, PRINTABLE, other);
      graph.on(row, SP, spaced);
    };
    any(other);
    any(spaced);
    graph.on(other, CR, this.field(present));
    const build = (prefix: string): number => {
      const row = graph.add();
      any(row);
      const next = new Set(
        [...values.keys()].filter((v) => v.startsWith(prefix)).map((v) => v[prefix.length]),
      );
      for (const char of next)
        if (char !== undefined) graph.on(row, char.charCodeAt(0), build(prefix + char));
      if (!prefix.endsWith(" ")) graph.on(row, CR, this.field(present | (values.get(prefix) ?? 0n)));
      if (prefix === "" && values.size > 0) graph.on(row, SP, UNSURE);
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
