// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { readFileSync } from "node:fs";
import { ERROR_HINTS } from "../../../core/errors.js";
import { DEFAULT_LIMITS } from "../../../core/limits.js";
import { Outcome } from "../../../core/outcome.js";

/** Rows of the first table of a page, cells without their quotes. */
function table(page: string): string[][] {
  return readFileSync(`docs/${page}`, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll("`", "")),
    );
}

test("docs/errors.md has every code with its hint, and no other", () => {
  expect(Object.fromEntries(table("errors.md").map(([code, hint]) => [code, hint]))).toEqual(
    Object.fromEntries(Object.entries(ERROR_HINTS).map(([code, hint]) => [code, hint.replaceAll("`", "")])),
  );
});

test("docs/metrics.md has every outcome with its number, and no other", () => {
  expect(Object.fromEntries(table("metrics.md").map(([name, number]) => [name, Number(number)]))).toEqual(
    Outcome,
  );
});

test("docs/operations.md has every limit with its default", () => {
  expect(Object.fromEntries(table("operations.md").map(([name, value]) => [name, Number(value)]))).toEqual(
    DEFAULT_LIMITS,
  );
});
