// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { figure, machine, table, write, type Row } from "../../../../bench/harness/results.js";

const rows: Row[] = [
  {
    ...{ scenario: "http", connections: 16, bodyBytes: 100, variant: "off", rps: 51234.5 },
    ...{ p50us: 300, p99us: 900, cpuUsPerRequest: 36.25, ratioToDirect: 0.456, note: "5 rounds" },
  },
  figure("idle", "off", 61.2, "MB", "resident memory"),
];

test("rows are written whole, with the machine in the note", () => {
  const folder = mkdtempSync(join(tmpdir(), "results-"));
  try {
    const path = write(join(folder, "new"), "http", rows);
    expect(readdirSync(join(folder, "new"))).toEqual(["http.json"]);
    const written = JSON.parse(readFileSync(path, "utf8")) as Row[];
    expect(written[0]).toEqual({ ...rows[0], note: `5 rounds; ${machine()}` });
    expect(written[1]).toMatchObject({ rps: null, value: 61.2, unit: "MB" });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the table aligns, and separates scenarios", () => {
  expect(table(rows).split("\n")).toEqual([
    "scenario  variant    req/s  p50 µs  p99 µs  CPU µs/req  x direct  note",
    "",
    "http      off        51235     300     900        36.3      0.46  5 rounds",
    "",
    "idle      off      61.2 MB                                        resident memory",
  ]);
});
