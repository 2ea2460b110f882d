// SPDX-License-Identifier: Apache-2.0
import {
  ActionKind,
  JudgeBound,
  ONCE_BITS,
  TABLE_CLASSES,
  TableAction,
  TableFlag,
  TableHeader,
  TableRequirement,
  TWO_LENGTHS,
} from "../../core/table.js";
import { HttpField, type FieldSpans } from "../../protocols/fields.js";

/** Rule number of a request that no rule allows. */
export const DENIED = -1;
/** Rule number of a request that the table cannot judge. */
export const NOT_SURE = -2;

const ONCE_HIGH = Number(ONCE_BITS >> 32n) | 0;
const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;
const SP = 0x20;

/** Runs a judge table over the fields of a request. Allocates nothing; one at a time. */
export class TableJudge {
  private readonly cells: Int32Array;
  private readonly classes: Uint16Array;
  private readonly table: Uint8Array;
  private readonly start: number;
  private readonly line: number;
  private readonly actionEnd: number;
  private row = 0;
  private low = 0;
  private high = 0;
  private list = 0;

  /**
   * @param nameLengths bit n set: some rule has a condition on a header whose name is n bytes long (31: or longer)
   * @param hosts some rule has a condition on the host
   */
  constructor(
    table: Uint8Array,
    private readonly nameLengths: number,
    private readonly hosts: boolean,
  ) {
    this.table = table;
    this.cells = new Int32Array(table.buffer, table.byteOffset, table.length >> 2);
    this.classes = new Uint16Array(table.buffer, table.byteOffset + TABLE_CLASSES, 256);
    this.start = this.word(TableHeader.start);
    this.line = this.word(TableHeader.line);
    this.actionEnd = this.word(TableHeader.actionEnd);
  }

  /** Position of the first rule that allows the fields, DENIED or NOT_SURE. */
  match(fields: FieldSpans): number {
    const { bytes, start, end } = fields;
    const method = fields.find(HttpField.method);
    const path = fields.find(HttpField.path);
    if (method < 0 || path < 0) return NOT_SURE;
    this.row = this.start;
    this.low = this.high = this.list = 0;
    const stop =
      this.feed(bytes, start[method]!, end[method]!) ||
      this.step(SP) ||
      this.feed(bytes, start[path]!, end[path]!) ||
      this.step(SP);
    if (stop) return stop;
    // The first requirement may be met already; a later one might be preceded by what the headers say.
    const first = this.verdict(true);
    return first >= 0 ? first : this.matchHeaders(fields);
  }

  private matchHeaders(fields: FieldSpans): number {
    const { bytes, start, end, kind } = fields;
    if (this.hosts) {
      const host = fields.find(HttpField.host);
      if (host >= 0) {
        this.row = this.line;
        const stop =
          this.feed(HOST, 0, HOST.length) || this.feed(bytes, start[host]!, end[host]!) || this.step(CR);
        if (stop) return stop;
      }
    }
    if (this.nameLengths !== 0)
      for (let i = 0; i < fields.count; i++) {
        if (kind[i] !== HttpField.headerName) continue;
        const length = end[i]! - start[i]!;
        if ((this.nameLengths & (1 << (length > 31 ? 31 : length))) === 0 || isHost(fields, i)) continue;
        this.row = this.line;
        const stop =
          this.feed(bytes, start[i]!, end[i]!) ||
          this.step(COLON) ||
          this.step(SP) ||
          this.feed(bytes, start[i + 1]!, end[i + 1]!) ||
          this.step(CR);
        if (stop) return stop;
      }
    return this.verdict(false);
  }

  /** Runs bytes [from, to). Returns 0 to go on, or DENIED or NOT_SURE. */
  private feed(bytes: Uint8Array, from: number, to: number): number {
    const { cells, classes, actionEnd } = this;
    let { row } = this;
    for (let i = from; i < to; i++) {
      row = cells[(row + classes[bytes[i]!]!) >> 2]!;
      if (row < actionEnd) {
        const stop = this.act(row);
        if (stop) return stop;
      }
    }
    this.row = row;
    return 0;
  }

  private step(byte: number): number {
    this.row = this.cells[(this.row + this.classes[byte]!) >> 2]!;
    return this.row < this.actionEnd ? this.act(this.row) : 0;
  }

  private act(row: number): number {
    switch (this.table[row + TableAction.kind]) {
      case ActionKind.refuse:
        return DENIED;
      case ActionKind.target:
        this.list = this.word(row + TableAction.value);
        return 0;
      case ActionKind.field: {
        const low = this.word(row + TableAction.bits);
        const high = this.word(row + TableAction.bits + 4);
        if ((high & this.high & ONCE_HIGH) !== 0) return NOT_SURE;
        this.low |= low;
        this.high |= high;
        return 0;
      }
      case ActionKind.digit:
      case ActionKind.skip:
        return 0;
      default:
        return NOT_SURE;
    }
  }

  private verdict(firstOnly: boolean): number {
    if (this.list === 0) return DENIED;
    for (let at = this.list; ; at += TableRequirement.size) {
      const low = this.word(at + TableRequirement.mask);
      const high = this.word(at + TableRequirement.mask + 4);
      if ((low & ~this.low) === 0 && (high & ~this.high) === 0) return this.word(at + TableRequirement.rule);
      if (firstOnly || this.word(at + TableRequirement.last) === 1) return DENIED;
    }
  }

  private word(offset: number): number {
    return this.cells[offset >> 2]!;
  }
}

const HOST = Buffer.from("host: ");

function isHost({ bytes, start, end }: FieldSpans, index: number): boolean {
  const at = start[index]!;
  if (end[index]! - at !== 4) return false;
  for (let i = 0; i < 4; i++) if ((bytes[at + i]! | 0x20) !== HOST[i]) return false;
  return true;
}

/** What a run over a raw head came to. */
export interface HeadVerdict {
  /** `end`: complete but not allowed; `short`: the bytes end before the head does; `refuse` and `unsure` as in the table. */
  readonly verdict: "allow" | "end" | "refuse" | "unsure" | "short";
  /** Rule that allowed it, -1 none. */
  readonly rule: number;
  /** Declared length of the body. */
  readonly length: number;
  readonly expect: number;
  /** Conditions met. */
  readonly got: bigint;
  /** Offset behind the byte at which the run stopped. */
  readonly end: number;
}

/** Runs a table over a raw head as the kernel does: the reference that the BPF programs are compared with. */
export function runHead(table: Uint8Array, bytes: Uint8Array, from: number, to: number): HeadVerdict {
  const view = new DataView(table.buffer, table.byteOffset, table.length);
  const word = (offset: number): number => view.getUint32(offset, true);
  const actionEnd = word(TableHeader.actionEnd);
  let row = word(TableHeader.start);
  let [got, list, length, expect] = [0n, 0, 0, 0];
  const stop = (verdict: HeadVerdict["verdict"], end: number, rule = -1): HeadVerdict => ({
    verdict,
    rule,
    length,
    expect,
    got,
    end,
  });
  let at = from;
  for (let steps = 0; steps < JudgeBound.steps && at - from < JudgeBound.head; steps++) {
    let looked = 0;
    do {
      if (at === to) return stop("short", to);
      row = word(row + view.getUint16(TABLE_CLASSES + bytes[at++]! * 2, true));
    } while (row >= actionEnd && ++looked < JudgeBound.chunk);
    if (row >= actionEnd) continue;
    const bits = view.getBigUint64(row + TableAction.bits, true);
    switch (table[row + TableAction.kind]) {
      case ActionKind.refuse:
        return stop("refuse", at);
      case ActionKind.unsure:
        return stop("unsure", at);
      case ActionKind.target:
        list = word(row + TableAction.value);
        expect = table[row + TableAction.expect]!;
        break;
      case ActionKind.field:
        if ((bits & got & ONCE_BITS) !== 0n) return stop("unsure", at);
        got |= bits;
        break;
      case ActionKind.digit:
        length = length * 10 + (bytes[at - 1]! - 0x30);
        for (let more = 0; more < JudgeBound.digits && at < to && at - from < JudgeBound.head; more++) {
          const next = word(row + view.getUint16(TABLE_CLASSES + bytes[at]! * 2, true));
          if (next >= actionEnd || table[next + TableAction.kind] !== ActionKind.digit) break;
          length = length * 10 + (bytes[at++]! - 0x30);
          row = next;
        }
        break;
      case ActionKind.skip: {
        if (at - from >= JudgeBound.head) break;
        const end = endOfPrintable(bytes, at, to);
        at = end.at;
        if (!end.line) break;
        row = word(TableHeader.line);
        at += 2;
        break;
      }
      case ActionKind.end: {
        if ((bits & ~got) !== 0n || (got & TWO_LENGTHS) === TWO_LENGTHS) return stop("unsure", at);
        for (let r = list; r !== 0; r += TableRequirement.size) {
          const mask = view.getBigUint64(r + TableRequirement.mask, true);
          if ((mask & ~got) === 0n) return stop("allow", at, word(r + TableRequirement.rule));
          if (word(r + TableRequirement.last) === 1) break;
        }
        return stop("end", at);
      }
    }
  }
  return stop("unsure", at);
}

/** Passes over printable bytes by whole words, as the kernel does; `line`: CR LF stands where it stopped. */
function endOfPrintable(bytes: Uint8Array, from: number, to: number): { at: number; line: boolean } {
  let at = from;
  for (let words = 0; words < JudgeBound.words; words++, at += 8) {
    if (at + 8 > to) return { at, line: false };
    for (let end = at; end < at + 8; end++)
      if (bytes[end]! < 0x20 || bytes[end]! > 0x7e)
        return { at: end, line: end + 2 <= to && bytes[end] === CR && bytes[end + 1] === LF };
  }
  return { at, line: false };
}

/** True for a table that the kernel may not run. */
export function isUserSpaceOnly(table: Uint8Array): boolean {
  return (
    (new DataView(table.buffer, table.byteOffset).getUint32(TableHeader.flags, true) &
      TableFlag.userSpaceOnly) !==
    0
  );
}
