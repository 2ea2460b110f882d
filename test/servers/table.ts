// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from "node:fs";

/** The page with the tables of what was measured. */
export const PAGE = "docs/compatibility.md";

/** A table: its first cell, which tells it from others, its columns, and its rows by name. */
export interface Table {
  readonly corner: string;
  readonly columns: readonly string[];
  readonly rows: Map<string, string[]>;
}

const cells = (line: string): string[] =>
  line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());

/** Lines of a table of the page: where they begin, and they themselves. */
function linesOf(page: readonly string[], corner: string): { start: number; count: number } {
  const start = page.findIndex((line) => line.startsWith(`| ${corner} `));
  const rest = page.slice(start);
  const end = rest.findIndex((line) => !line.startsWith("|"));
  return { start, count: start < 0 ? 0 : end < 0 ? rest.length : end };
}

/** Reads a table of the page; undefined when there is none. */
export function readTable(corner: string): Table | undefined {
  const page = readFileSync(PAGE, "utf8").split("\n");
  const { start, count } = linesOf(page, corner);
  if (count === 0) return undefined;
  const [head = [], , ...rows] = page.slice(start, start + count).map(cells);
  return {
    corner,
    columns: head.slice(1),
    rows: new Map(rows.map(([name = "", ...row]) => [name, row])),
  };
}

/** Puts a table in place of the one that is there. */
export function writeTable({ corner, columns, rows }: Table): void {
  const page = readFileSync(PAGE, "utf8").split("\n");
  const { start, count } = linesOf(page, corner);
  if (count === 0) throw new Error(`${PAGE} has no table that begins with ${corner}`);
  page.splice(start, count, ...render([corner, ...columns], rows));
  writeFileSync(PAGE, page.join("\n"));
}

/** A table in Markdown. */
export function render(head: readonly string[], rows: ReadonlyMap<string, readonly string[]>): string[] {
  const line = (row: readonly string[]): string => `| ${row.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...[...rows].map(([name, row]) => line([name, ...row]))];
}

/** What two cells have in common when one may be of another run: the reason, or that it is enough. */
export const kindOf = (cell: string | undefined): string =>
  cell !== undefined && /^\d+ %$/.test(cell) ? "fast" : (cell ?? "no cell");
