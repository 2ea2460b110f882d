// SPDX-License-Identifier: Apache-2.0
import {
  ActionKind,
  TABLE_BODY,
  TABLE_CLASSES,
  TABLE_VERSION,
  TableAction,
  TableHeader,
  TableRequirement,
} from "../../core/table.js";
import { Outcome } from "../../core/outcome.js";
import type { ByteClasses } from "../automaton/bytes.js";

/** What entering a row means; see `ActionKind`. `value` of a target is the number of a requirement list. */
export interface Action {
  readonly kind: number;
  readonly bits: bigint;
  readonly expect: number;
  readonly value: number;
}

/** One way to fulfil a rule set: all bits of the mask. */
export interface Requirement {
  readonly mask: bigint;
  readonly rule: number;
}

/** The row behind a byte that makes a message non-canonical. Transitions lead here unless they are set. */
export const UNSURE = 0;
/** The row behind a byte after which no rule can match. */
export const REFUSED = 1;
/** Requirement list number of none. */
export const NO_LIST = -1;

/** Thrown while a table grows over a bound. */
export class TooLarge extends Error {
  constructor(readonly reason: "too-many-states" | "too-many-requirements") {
    super(reason);
  }
}

/** Rows of a judge table while it is made. */
export class Graph {
  /** Next row, by row and class. */
  cells = new Int32Array(0);
  readonly actions: (Action | undefined)[] = [];
  start = -1;
  line = -1;
  private readonly lists: (readonly Requirement[])[] = [];
  private readonly listNumbers = new Map<string, number>();

  constructor(
    readonly classes: ByteClasses,
    private readonly mostCells: number,
  ) {
    const value = Outcome["slow:not-canonical"];
    this.add({ kind: ActionKind.unsure, bits: 0n, expect: 0, value });
    this.add({ kind: ActionKind.refuse, bits: 0n, expect: 0, value: Outcome["slow:not-allowed"] });
    this.fill(REFUSED, REFUSED);
  }

  /** Rows made. */
  get size(): number {
    return this.actions.length;
  }

  /** A new row; every byte is unsure until it is set. */
  add(action?: Action): number {
    const { count } = this.classes;
    const row = this.actions.length;
    if ((row + 1) * count > this.mostCells) throw new TooLarge("too-many-states");
    this.actions.push(action);
    if ((row + 1) * count > this.cells.length) {
      const cells = new Int32Array(Math.max(this.cells.length * 2, 64 * count));
      cells.set(this.cells);
      this.cells = cells;
    }
    return row;
  }

  /** Sets where all bytes of one class lead. */
  set(row: number, byteClass: number, to: number): void {
    this.cells[row * this.classes.count + byteClass] = to;
  }

  /** Sets where one byte (and all of its class) leads. */
  on(row: number, byte: number, to: number): void {
    this.set(row, this.classes.of[byte]!, to);
  }

  /** Sets where every class leads whose bytes the predicate accepts. */
  onAll(row: number, accepts: (byte: number) => boolean, to: number): void {
    for (let c = 0; c < this.classes.count; c++) if (accepts(this.classes.sample[c]!)) this.set(row, c, to);
  }

  private fill(row: number, to: number): void {
    for (let c = 0; c < this.classes.count; c++) this.set(row, c, to);
  }

  /** Number of a requirement list; equal lists share it. */
  list(requirements: readonly Requirement[]): number {
    const key = requirements.map(({ mask, rule }) => `${mask} ${rule}`).join();
    const known = this.listNumbers.get(key) ?? this.lists.length;
    if (known === this.lists.length) {
      this.lists.push(requirements);
      this.listNumbers.set(key, known);
    }
    return known;
  }

  /** Joins rows that no message can tell apart, and leaves out those that none reaches. */
  minimise(): void {
    const blocks = this.refine();
    const { count } = this.classes;
    const numbers = new Map<number, number>([
      [blocks[UNSURE]!, UNSURE],
      [blocks[REFUSED]!, REFUSED],
    ]);
    const order = [UNSURE, REFUSED];
    const visit = (row: number): number => {
      const block = blocks[row]!;
      let number = numbers.get(block);
      if (number === undefined) {
        numbers.set(block, (number = order.length));
        order.push(row);
      }
      return number;
    };
    this.start = visit(this.start);
    if (this.line >= 0) this.line = visit(this.line);
    const cells: number[] = [];
    const actions: (Action | undefined)[] = [];
    for (let i = 0; i < order.length; i++) {
      const row = order[i]!;
      actions.push(this.actions[row]);
      for (let c = 0; c < count; c++) cells.push(visit(this.cells[row * count + c]!));
    }
    this.cells = Int32Array.from(cells);
    this.actions.splice(0, this.actions.length, ...actions);
  }

  /** Block of each row: those of equal action whose bytes lead to equal blocks. */
  private refine(): Int32Array {
    const { count } = this.classes;
    const { size, cells } = this;
    const byAction = new Map<string, number>();
    let blocks = Int32Array.from(this.actions, (action) => {
      const key = action ? `${action.kind} ${action.bits} ${action.expect} ${action.value}` : "";
      if (!byAction.has(key)) byAction.set(key, byAction.size);
      return byAction.get(key)!;
    });
    for (let known = byAction.size; ;) {
      const next = new Int32Array(size);
      const firsts: number[] = [];
      const byHash = new Map<number, number[]>();
      for (let row = 0; row < size; row++) {
        let hash = blocks[row]!;
        for (let c = 0; c < count; c++)
          hash = (Math.imul(hash, 0x01000193) ^ blocks[cells[row * count + c]!]!) | 0;
        let bucket = byHash.get(hash);
        if (!bucket) byHash.set(hash, (bucket = []));
        let found = -1;
        for (const block of bucket) if (this.alike(blocks, row, firsts[block]!)) found = block;
        if (found < 0) {
          found = firsts.length;
          firsts.push(row);
          bucket.push(found);
        }
        next[row] = found;
      }
      blocks = next;
      if (firsts.length === known) return blocks;
      known = firsts.length;
    }
  }

  private alike(blocks: Int32Array, a: number, b: number): boolean {
    const { count } = this.classes;
    if (blocks[a] !== blocks[b]) return false;
    for (let c = 0; c < count; c++)
      if (blocks[this.cells[a * count + c]!] !== blocks[this.cells[b * count + c]!]) return false;
    return true;
  }

  /** Longest requirement list. */
  get longestList(): number {
    return this.lists.reduce((most, list) => Math.max(most, list.length), 0);
  }

  /** The table as core/table.ts lays it out. Classes whose bytes lead to the same rows everywhere become one. */
  emit(flags: number): Uint8Array {
    const { count } = this.classes;
    const columns = new Map<string, number>();
    const columnOf = new Int32Array(count);
    const kept: number[] = [];
    for (let c = 0; c < count; c++) {
      const column = new Int32Array(this.size);
      for (let row = 0; row < this.size; row++) column[row] = this.cells[row * count + c]!;
      const key = Buffer.from(column.buffer).toString("latin1");
      const known = columns.get(key) ?? kept.length;
      if (known === kept.length) {
        columns.set(key, known);
        kept.push(c);
      }
      columnOf[c] = known;
    }
    // Rows of an even number of cells keep the 64-bit words of actions aligned.
    const rowBytes = (kept.length + (kept.length & 1)) * 4;
    const requirements = this.lists.reduce((sum, list) => sum + list.length, 0);
    let at = TABLE_BODY + requirements * TableRequirement.size;
    const offsets = new Int32Array(this.size);
    const plain = [...this.actions.keys()].filter((row) => !this.actions[row]);
    for (let row = 0; row < this.size; row++)
      if (this.actions[row]) {
        offsets[row] = at + TableAction.size;
        at += TableAction.size + rowBytes;
      }
    const actionEnd = at;
    for (const row of plain) {
      offsets[row] = at;
      at += rowBytes;
    }
    const bytes = new Uint8Array(at);
    const view = new DataView(bytes.buffer);
    const word = (offset: number, value: number): void => view.setUint32(offset, value, true);
    word(TableHeader.version, TABLE_VERSION);
    word(TableHeader.length, at);
    word(TableHeader.start, offsets[this.start]!);
    word(TableHeader.actionEnd, actionEnd);
    word(TableHeader.line, this.line < 0 ? 0 : offsets[this.line]!);
    word(TableHeader.requirements, TABLE_BODY);
    word(TableHeader.flags, flags);
    for (let byte = 0; byte < 256; byte++)
      view.setUint16(TABLE_CLASSES + byte * 2, columnOf[this.classes.of[byte]!]! * 4, true);
    const listOffsets = this.writeLists(view);
    this.actions.forEach((action, row) => {
      const offset = offsets[row]!;
      if (action) {
        view.setBigUint64(offset + TableAction.bits, action.bits, true);
        bytes[offset + TableAction.kind] = action.kind;
        bytes[offset + TableAction.expect] = action.expect;
        const list = action.kind === ActionKind.target;
        word(offset + TableAction.value, list ? (listOffsets[action.value] ?? 0) : action.value);
      }
      for (let k = 0; k < kept.length; k++)
        word(offset + k * 4, offsets[this.cells[row * count + kept[k]!]!]!);
    });
    return bytes;
  }

  private writeLists(view: DataView): number[] {
    let at: number = TABLE_BODY;
    return this.lists.map((list) => {
      const start = at;
      list.forEach(({ mask, rule }, i) => {
        view.setBigUint64(at + TableRequirement.mask, mask, true);
        view.setUint32(at + TableRequirement.rule, rule, true);
        view.setUint32(at + TableRequirement.last, i === list.length - 1 ? 1 : 0, true);
        at += TableRequirement.size;
      });
      return start;
    });
  }
}
