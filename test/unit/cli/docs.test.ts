// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { readFileSync } from "node:fs";
import { CONFIG_SCHEMA } from "../../../cli/config-schema.js";
import { parseConfig } from "../../../cli/config.js";
import { Exit } from "../../../cli/exit.js";
import { KERNEL_GATE } from "../../../cli/machine.js";
import { ERROR_HINTS } from "../../../core/errors.js";
import { DEFAULT_LIMITS } from "../../../core/limits.js";
import { Outcome } from "../../../core/outcome.js";

const OPERATIONS = readFileSync("docs/operations.md", "utf8");

/** Rows of the tables of a page, their cells trimmed, without code marks. */
function rows(page: string): string[][] {
  return page
    .split("\n")
    .filter((line) => /^\| *(`|\d)/.test(line))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll("`", "")),
    );
}

test("docs/errors.md has every code with its hint, and no other", () => {
  const documented = rows(readFileSync("docs/errors.md", "utf8"));
  const hints = Object.entries(ERROR_HINTS).map(([code, hint]) => [code, hint.replaceAll("`", "")]);
  expect(documented).toEqual(hints);
});

test("docs/metrics.md has every outcome with its number, and no other", () => {
  const documented = rows(readFileSync("docs/metrics.md", "utf8"));
  expect(documented.map(([name, number]) => [name, Number(number)])).toEqual(Object.entries(Outcome));
});

test("docs/operations.md has every exit code, and no other", () => {
  const documented = rows(OPERATIONS)
    .map(([code]) => Number(code))
    .filter((code) => !Number.isNaN(code));
  expect(documented).toEqual(Object.values(Exit));
});

test("docs/operations.md has every limit with its default, and no other", () => {
  const documented = rows(/^## Limits$([^]*?)^## /m.exec(OPERATIONS)?.[1] ?? "");
  expect(documented.map(([name, value]) => [name, Number(value)])).toEqual(Object.entries(DEFAULT_LIMITS));
});

test("the configuration of docs/operations.md is valid and shows every field", () => {
  const text = /```yaml\n([^]*?)```/.exec(OPERATIONS)?.[1] ?? "";
  expect(Object.keys(parseConfig(text, "operations.md")).sort()).toEqual(
    Object.keys(CONFIG_SCHEMA.properties).sort(),
  );
});

test("docs/operations.md names every kernel of the gate", () => {
  for (const [major, minor, patch] of KERNEL_GATE)
    expect(OPERATIONS).toContain(patch ? `${major}.${minor}.${patch}` : `${major}.${minor}`);
});
