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
import type { Rows } from "./graph.js";

/** Size in bytes that rows take as a table. */
export function tableSize({ columns, actions, lists }: Rows): number {
  const actionRows = actions.reduce((count, action) => count + (action ? 1 : 0), 0);
  const requirements = lists.reduce((sum, list) => sum + list.length, 0);
  return (
    TABLE_BODY +
    requirements * TableRequirement.size +
    actionRows * TableAction.size +
    actions.length * rowSize(columns)
  );
}

/** Rows of an even number of cells keep the 64-bit words of actions aligned. */
function rowSize(columns: number): number {
  return (columns + (columns & 1)) * 4;
}

/** Rows as core/table.ts lays them out. */
export function emit(rows: Rows, flags: number): Uint8Array {
  const { columns, columnOf, cells, actions } = rows;
  const bytes = new Uint8Array(tableSize(rows));
  const view = new DataView(bytes.buffer);
  const word = (offset: number, value: number): void => view.setUint32(offset, value, true);
  const [listOffsets, body] = writeLists(view, rows);
  const offsets = new Int32Array(actions.length);
  let at = body;
  actions.forEach((action, row) => {
    if (!action) return;
    offsets[row] = at + TableAction.size;
    at += TableAction.size + rowSize(columns);
  });
  const actionEnd = at;
  actions.forEach((action, row) => {
    if (action) return;
    offsets[row] = at;
    at += rowSize(columns);
  });
  word(TableHeader.version, TABLE_VERSION);
  word(TableHeader.length, at);
  word(TableHeader.start, offsets[rows.start]!);
  word(TableHeader.actionEnd, actionEnd);
  word(TableHeader.line, rows.line < 0 ? 0 : offsets[rows.line]!);
  word(TableHeader.requirements, TABLE_BODY);
  word(TableHeader.flags, flags);
  for (let byte = 0; byte < 256; byte++) view.setUint16(TABLE_CLASSES + byte * 2, columnOf[byte]! * 4, true);
  actions.forEach((action, row) => {
    const offset = offsets[row]!;
    if (action) {
      view.setBigUint64(offset + TableAction.bits, action.bits, true);
      bytes[offset + TableAction.kind] = action.kind;
      bytes[offset + TableAction.expect] = action.expect;
      const list = action.kind === ActionKind.target;
      word(offset + TableAction.value, list ? (listOffsets[action.value] ?? 0) : action.value);
    }
    for (let c = 0; c < columns; c++) word(offset + c * 4, offsets[cells[row * columns + c]!]!);
  });
  return bytes;
}

/** Writes the requirement lists. Returns where each begins, and where the last one ends. */
function writeLists(view: DataView, { lists }: Rows): [number[], number] {
  let at: number = TABLE_BODY;
  const starts = lists.map((list) => {
    const start = at;
    list.forEach(({ mask, rule }, i) => {
      view.setBigUint64(at + TableRequirement.mask, mask, true);
      view.setUint32(at + TableRequirement.rule, rule, true);
      view.setUint32(at + TableRequirement.last, i === list.length - 1 ? 1 : 0, true);
      at += TableRequirement.size;
    });
    return start;
  });
  return [starts, at];
}
