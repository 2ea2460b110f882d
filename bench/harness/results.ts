// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { join } from "node:path";

/** One line of `bench/results/*.json`; every bench writes this shape. Figures that a row does not have are null. */
export interface Row {
  readonly scenario: string;
  readonly connections: number;
  readonly bodyBytes: number;
  readonly variant: string;
  readonly rps: number | null;
  readonly p50us: number | null;
  readonly p99us: number | null;
  /** CPU time of all processes of the path, load generator and service included. */
  readonly cpuUsPerRequest: number | null;
  /** rps relative to the variant `direct`, taken within each round. */
  readonly ratioToDirect: number | null;
  /** A figure that is no request rate, e.g. memory, with its unit. */
  readonly value?: number;
  readonly unit?: string;
  /** Rounds and the spread of the ratio; the writer adds machine and kernel. */
  readonly note: string;
}

/** A row whose figure is no request rate. */
export function figure(
  scenario: string,
  variant: string,
  value: number,
  unit: string,
  note: string,
  connections = 0,
): Row {
  return {
    scenario,
    connections,
    bodyBytes: 0,
    variant,
    rps: null,
    p50us: null,
    p99us: null,
    cpuUsPerRequest: null,
    ratioToDirect: null,
    value,
    unit,
    note,
  };
}

/** The machine in one line: processor, cores, kernel, Node. */
export function machine(): string {
  const cores = cpus();
  return `${cores.length} cores ${cores[0]?.model.trim() ?? ""}, Linux ${release()}, Node ${process.versions.node}`;
}

/** What else the machine does, to be asked before the bench itself makes it busy: processes that ran in the last minute. */
export function noise(): string {
  return `load of others ${loadavg()[0]?.toFixed(1)}`;
}

/** Writes rows to `folder/what.json`, whole or not at all; `where` completes their notes. Returns the path. */
export function write(folder: string, what: string, rows: readonly Row[], where = machine()): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${what}.json`);
  const noted = rows.map((row) => ({ ...row, note: `${row.note}; ${where}` }));
  writeFileSync(`${path}.tmp`, `${JSON.stringify(noted, null, 2)}\n`);
  renameSync(`${path}.tmp`, path);
  return path;
}

/** Rows as an aligned table, a blank line between scenarios. */
export function table(rows: readonly Row[]): string {
  const head = ["scenario", "variant", "req/s", "p50 µs", "p99 µs", "CPU µs/req", "x direct", "note"];
  const cells = rows.map((row) => [
    row.scenario,
    row.variant,
    row.value === undefined ? text(row.rps, 0) : `${row.value} ${row.unit ?? ""}`,
    text(row.p50us, 0),
    text(row.p99us, 0),
    text(row.cpuUsPerRequest, 1),
    text(row.ratioToDirect, 2),
    row.note,
  ]);
  const widths = head.map((name, column) =>
    Math.max(name.length, ...cells.map((line) => (line[column] ?? "").length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column < 2 || column === head.length - 1 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd();
  const out = [line(head)];
  cells.forEach((row, i) => {
    if (row[0] !== cells[i - 1]?.[0]) out.push("");
    out.push(line(row));
  });
  return out.join("\n");
}

function text(value: number | null, digits: number): string {
  return value === null ? "" : value.toFixed(digits);
}
