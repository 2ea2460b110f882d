// SPDX-License-Identifier: Apache-2.0
import type { Rows } from "./graph.js";
import type { Predecessors } from "./reduce.js";

/**
 * Blocks of rows that no message can tell apart: the coarsest partition in which rows of a block have the same action
 * and lead, by each column, to the same blocks. A block is looked at again only for those of its rows whose successors
 * have gone over to another block; the largest part of a block that falls apart keeps its number.
 */
export function blocksOf(rows: Rows, before: Predecessors): Int32Array {
  return new Partition(rows, before).refine();
}

class Partition {
  private readonly block: Int32Array;
  /** Rows by block: those of block b stand at [first[b], end[b]). */
  private readonly order: Int32Array;
  private readonly place: Int32Array;
  private readonly first: number[] = [];
  private readonly end: number[] = [];
  /** Rows of each block that must be looked at. */
  private readonly dirty: number[][] = [];
  private readonly isDirty: Uint8Array;
  private readonly waiting: number[] = [];

  constructor(
    private readonly rows: Rows,
    private readonly before: Predecessors,
  ) {
    const size = rows.actions.length;
    this.block = new Int32Array(size);
    this.order = new Int32Array(size);
    this.place = new Int32Array(size);
    this.isDirty = new Uint8Array(size);
    const byAction = new Map<string, number[]>();
    rows.actions.forEach((action, row) => {
      const key = action ? `${action.kind} ${action.bits} ${action.expect} ${action.value}` : "";
      const members = byAction.get(key);
      if (members) members.push(row);
      else byAction.set(key, [row]);
    });
    let at = 0;
    for (const members of byAction.values()) {
      const block = this.open(at);
      for (const row of members) {
        this.block[row] = block;
        this.order[at] = row;
        this.place[row] = at++;
      }
      this.end[block] = at;
      for (const row of members) this.touch(row);
    }
  }

  refine(): Int32Array {
    for (let block = this.waiting.pop(); block !== undefined; block = this.waiting.pop()) this.split(block);
    return this.block;
  }

  private open(at: number): number {
    this.first.push(at);
    this.end.push(at);
    this.dirty.push([]);
    return this.first.length - 1;
  }

  private touch(row: number): void {
    if (this.isDirty[row] === 1) return;
    this.isDirty[row] = 1;
    const block = this.block[row]!;
    if (this.dirty[block]!.length === 0) this.waiting.push(block);
    this.dirty[block]!.push(row);
  }

  private split(block: number): void {
    const touched = this.dirty[block]!;
    this.dirty[block] = [];
    for (const row of touched) this.isDirty[row] = 0;
    const size = this.end[block]! - this.first[block]!;
    if (size === 1) return;
    const clean = size - touched.length;
    const groups = this.groups(block, touched, clean > 0);
    if (groups.length === 1) return;
    // The first group holds the clean rows too, when there are any.
    const sizeOf = (group: number): number => groups[group]!.length + (group === 0 ? clean : 0);
    let largest = 0;
    for (let group = 1; group < groups.length; group++) if (sizeOf(group) > sizeOf(largest)) largest = group;
    if (largest !== 0 && clean > 0) {
      const inOthers = new Set(groups.slice(1).flat());
      const all = this.order.subarray(this.first[block], this.end[block]);
      groups[0] = Array.from(all).filter((row) => !inOthers.has(row));
    }
    const moved = groups.filter((_, group) => group !== largest);
    for (const group of moved) this.move(block, group);
    for (const group of moved)
      for (const row of group)
        for (let i = this.before.from[row]!; i < this.before.from[row + 1]!; i++)
          this.touch(this.before.rows[i]!);
  }

  /** Touched rows by where they lead; those that lead where the clean ones do stand first, when there are such. */
  private groups(block: number, touched: readonly number[], withClean: boolean): number[][] {
    const groups: number[][] = [];
    const leaders: number[] = [];
    const byHash = new Map<number, number[]>();
    const groupOf = (row: number): number[] => {
      const hash = this.hash(row);
      const alike = byHash.get(hash) ?? [];
      byHash.set(hash, alike);
      for (const group of alike) if (this.leadsAlike(leaders[group]!, row)) return groups[group]!;
      alike.push(groups.length);
      leaders.push(row);
      const made: number[] = [];
      groups.push(made);
      return made;
    };
    if (withClean) {
      const among = new Set(touched);
      let at = this.first[block]!;
      while (among.has(this.order[at]!)) at++;
      groupOf(this.order[at]!);
    }
    for (const row of touched) groupOf(row).push(row);
    return groups;
  }

  private hash(row: number): number {
    const { columns, cells } = this.rows;
    let hash = 0;
    for (let at = row * columns; at < (row + 1) * columns; at++)
      hash = (Math.imul(hash, 0x01000193) ^ this.block[cells[at]!]!) | 0;
    return hash;
  }

  private leadsAlike(a: number, b: number): boolean {
    const { columns, cells } = this.rows;
    for (let c = 0; c < columns; c++)
      if (this.block[cells[a * columns + c]!] !== this.block[cells[b * columns + c]!]) return false;
    return true;
  }

  /** Takes rows out of a block, into one of their own. */
  private move(block: number, group: readonly number[]): void {
    let at = this.end[block]!;
    for (const row of group) {
      at--;
      const other = this.order[at]!;
      const place = this.place[row]!;
      this.order[place] = other;
      this.place[other] = place;
      this.order[at] = row;
      this.place[row] = at;
    }
    const made = this.open(at);
    this.end[made] = this.end[block]!;
    this.end[block] = at;
    for (const row of group) this.block[row] = made;
  }
}
