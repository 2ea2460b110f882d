// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { httpFields } from "../../../l7policy/families/spans.js";
import type { HttpRule } from "../../../l7policy/model.js";
import { RuleSetCache } from "../../../l7policy/ruleset.js";

const rules = (count: number, series: number): HttpRule[] =>
  Array.from({ length: count }, (_, i) => ({
    at: { file: "", line: 0, column: 0 },
    method: "GET",
    path: `/${series}/${i}/${"x".repeat(300)}`,
    host: undefined,
    headers: [],
  }));
const request = (series: number, number: number) =>
  httpFields({
    family: "http",
    method: "GET",
    path: `/${series}/${number}/${"x".repeat(300)}`,
    host: "",
    headers: [],
  });

test("sets that come and go do not add up; those in use are judged as before", () => {
  const cache = new RuleSetCache();
  const first = cache.http(rules(2_000, 0));
  // Together far more than one automaton may hold.
  for (let series = 1; series <= 4; series++) {
    const set = cache.http(rules(2_000, series));
    expect(set.match(request(series, 7))).toBe(set.rules.findIndex(({ path }) => path?.includes("/7/")));
    expect(set.judge(request(series - 1, 7))).toBe(false);
  }
  expect(first.judge(request(0, 1_999))).toBe(true);
  expect(first.judge(request(0, 2_000))).toBe(false);
  expect(cache.http(rules(2_000, 0))).toBe(first);
});

test("patterns that are too large together are refused, and do not harm others", () => {
  const cache = new RuleSetCache();
  expect(() => cache.http(rules(7_000, 0))).toThrow(
    expect.objectContaining({
      code: "SM_POLICY_REGEX",
      message: expect.stringContaining("too large together"),
    }),
  );
  const set = cache.http(rules(1_000, 1));
  expect(set.judge(request(1, 5))).toBe(true);
});
