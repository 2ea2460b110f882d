// SPDX-License-Identifier: Apache-2.0
import { ActionKind, TABLE_SIZES } from "../../core/table.js";
import { tableSize } from "./emit.js";
import { REFUSED, UNSURE, type Action, type Rows } from "./graph.js";
import { blocksOf } from "./refine.js";

const LARGEST = TABLE_SIZES[TABLE_SIZES.length - 1]!;
/** More rows than these are left as they are when they fit: the time would be longer than what it saves is worth. */
const MOST_REDUCED = 8192;

/** Rows that come to the same, and fewer of them; the fewest that there can be unless there are very many. */
export function reduce(rows: Rows): Rows {
  const narrow = squeeze(rows);
  if (rows.actions.length > MOST_REDUCED && tableSize(narrow) <= LARGEST) return narrow;
  return minimise(settle(narrow));
}

/** Joins columns that lead to the same rows everywhere. */
function squeeze(rows: Rows): Rows {
  const { columns, cells, actions } = rows;
  const same = (a: number, b: number): boolean => {
    for (let at = 0; at < actions.length * columns; at += columns)
      if (cells[at + a] !== cells[at + b]) return false;
    return true;
  };
  const hashes = new Int32Array(columns);
  for (let row = 0, at = 0; row < actions.length; row++)
    for (let c = 0; c < columns; c++, at++) hashes[c] = Math.imul(hashes[c]!, 0x01000193) ^ cells[at]!;
  const kept: number[] = [];
  const byHash = new Map<number, number[]>();
  const now = new Int32Array(columns);
  for (let c = 0; c < columns; c++) {
    const alike = byHash.get(hashes[c]!) ?? [];
    byHash.set(hashes[c]!, alike);
    let place = alike.find((other) => same(kept[other]!, c));
    if (place === undefined) {
      place = kept.length;
      alike.push(place);
      kept.push(c);
    }
    now[c] = place;
  }
  const squeezed = new Int32Array(actions.length * kept.length);
  for (let row = 0, at = 0; row < actions.length; row++)
    for (let k = 0; k < kept.length; k++, at++) squeezed[at] = cells[row * columns + kept[k]!]!;
  return {
    ...rows,
    columnOf: rows.columnOf.map((column) => now[column]!),
    columns: kept.length,
    cells: squeezed,
  };
}

/** No target lies ahead of a row. */
const NONE = -1;
/** Different targets lie ahead of a row. */
const MANY = -2;

/**
 * Moves targets forward: where only one can come yet, it is taken at once, and the rows behind need not remember which
 * it was. So the rests of paths are shared by all rules that have them.
 */
function settle(rows: Rows): Rows {
  const { columns } = rows;
  const ahead = targetsAhead(rows);
  const actions = [...rows.actions];
  let cells = rows.cells.slice();
  const copies = new Map<number, number>();
  const copy = (row: number, action: Action | undefined): number => {
    const key = row * 2 + (action ? 1 : 0);
    let made = copies.get(key);
    if (made === undefined) {
      made = actions.length;
      copies.set(key, made);
      actions.push(action);
      if (actions.length * columns > cells.length) {
        const grown = new Int32Array(cells.length * 2);
        grown.set(cells);
        cells = grown;
      }
      cells.set(rows.cells.subarray(row * columns, (row + 1) * columns), made * columns);
    }
    return made;
  };
  const size = rows.actions.length;
  const isTarget = (row: number): boolean => rows.actions[row]?.kind === ActionKind.target;
  // Copies get their transitions in the same loop.
  for (let row = 0; row < actions.length; row++) {
    const next = ahead.of[row] ?? 0;
    const open = next === MANY || row === rows.start;
    if (next === NONE && !open) continue;
    for (let c = 0; c < columns; c++) {
      const to = cells[row * columns + c]!;
      if (to >= size) continue;
      let now = to;
      if (open && !isTarget(to)) {
        const only = ahead.of[to]!;
        if (only >= 0) now = copy(to, ahead.actions[only]);
      } else if (!open && isTarget(to)) now = copy(to, undefined);
      // Only now: a copy may have moved the cells.
      cells[row * columns + c] = now;
    }
  }
  return { ...rows, actions, cells };
}

/** For each row, which target comes next on the way: one, none or many. */
function targetsAhead(rows: Rows): { of: Int32Array; actions: readonly Action[] } {
  const { columns, cells, actions } = rows;
  const distinct: Action[] = [];
  const numbers = new Map<string, number>();
  const own = Int32Array.from(actions, (action) => {
    if (action?.kind !== ActionKind.target) return NONE;
    const key = `${action.value} ${action.expect}`;
    const known = numbers.get(key) ?? distinct.length;
    if (known === distinct.length) {
      numbers.set(key, known);
      distinct.push(action);
    }
    return known;
  });
  const before = predecessors(rows);
  const of = new Int32Array(actions.length).fill(NONE);
  const waiting: number[] = [];
  const meet = (row: number, target: number): void => {
    const next = of[row] === NONE || of[row] === target ? target : MANY;
    if (of[row] === next) return;
    of[row] = next;
    waiting.push(row);
  };
  for (let row = 0; row < actions.length; row++)
    for (let c = 0; c < columns; c++) {
      const target = own[cells[row * columns + c]!]!;
      if (target >= 0) meet(row, target);
    }
  for (let row = waiting.pop(); row !== undefined; row = waiting.pop()) {
    if (own[row]! >= 0) continue;
    for (let i = before.from[row]!; i < before.from[row + 1]!; i++) meet(before.rows[i]!, of[row]!);
  }
  return { of, actions: distinct };
}

/** Rows that lead to each row, once each, without those that lead to UNSURE or REFUSED. */
export interface Predecessors {
  /** Those of row r stand in `rows` from from[r] to from[r + 1]. */
  readonly from: Int32Array;
  readonly rows: Int32Array;
}

function predecessors({ columns, cells, actions }: Rows): Predecessors {
  const size = actions.length;
  const from = new Int32Array(size + 1);
  const last = new Int32Array(size).fill(-1);
  for (let row = 0, at = 0; row < size; row++)
    for (let c = 0; c < columns; c++, at++) {
      const to = cells[at]!;
      if (to <= REFUSED || last[to] === row) continue;
      last[to] = row;
      from[to + 1]!++;
    }
  for (let row = 0; row < size; row++) from[row + 1]! += from[row]!;
  const rows = new Int32Array(from[size]!);
  const fill = from.slice();
  last.fill(-1);
  for (let row = 0, at = 0; row < size; row++)
    for (let c = 0; c < columns; c++, at++) {
      const to = cells[at]!;
      if (to <= REFUSED || last[to] === row) continue;
      last[to] = row;
      rows[fill[to]!++] = row;
    }
  return { from, rows };
}

/** Joins rows that no message can tell apart, and leaves out those that none reaches. */
function minimise(rows: Rows): Rows {
  const { columns, cells } = rows;
  const blocks = blocksOf(rows, predecessors(rows));
  const numbers = new Int32Array(rows.actions.length).fill(-1);
  numbers[blocks[UNSURE]!] = UNSURE;
  numbers[blocks[REFUSED]!] = REFUSED;
  const order = [UNSURE, REFUSED];
  const visit = (row: number): number => {
    const block = blocks[row]!;
    if (numbers[block] === -1) {
      numbers[block] = order.length;
      order.push(row);
    }
    return numbers[block]!;
  };
  const start = visit(rows.start);
  const line = rows.line < 0 ? -1 : visit(rows.line);
  let most = 0;
  for (let row = 0; row < rows.actions.length; row++) most = Math.max(most, blocks[row]! + 1);
  const out = new Int32Array(most * columns);
  for (let i = 0, at = 0; i < order.length; i++)
    for (let c = 0; c < columns; c++) out[at++] = visit(cells[order[i]! * columns + c]!);
  return {
    ...rows,
    start,
    line,
    cells: out,
    actions: order.map((row) => rows.actions[row]),
  };
}
