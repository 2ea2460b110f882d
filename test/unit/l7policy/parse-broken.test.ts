// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { parsePolicies } from "../../../l7policy/index.js";
import { BROKEN } from "../../vectors/broken-policies.js";

const CASES = BROKEN.flatMap(({ base, edits }) => edits.map((edit) => ({ base, edit })));

test("there are 200 broken policies", () => {
  expect(CASES.length).toBeGreaterThanOrEqual(200);
});

test.each(BROKEN)("the documents that are broken are good: $base", ({ base }) => {
  expect(parsePolicies("good.yaml", base)).toMatchObject({ ok: true });
});

test.each(CASES.map(({ base, edit }, i) => [i + 1, edit[3], edit[4], base, edit] as const))(
  "%i. %s: %s",
  (_number, _field, _message, base, [find, put, line, field, says]) => {
    expect(base).toContain(find);
    const parsed = parsePolicies(
      "web.yaml",
      base.replace(find, () => put),
    );
    expect(parsed.ok).toBe(false);
    if (parsed.ok) return;
    const errors = parsed.errors.map((error) => ({
      file: error.at?.file,
      line: error.at?.line,
      field: error.field,
      message: error.message,
    }));
    expect(errors).toContainEqual({ file: "web.yaml", line, field, message: expect.stringContaining(says) });
  },
);
