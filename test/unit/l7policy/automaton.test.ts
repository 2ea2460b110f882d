// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { RE2JS } from "re2js";
import { SockmeshError } from "../../../core/errors.js";
import { Patterns } from "../../../l7policy/automaton/patterns.js";

function compile(pattern: string): (text: string) => boolean {
  const patterns = new Patterns();
  patterns.number(pattern);
  patterns.build();
  return (text) => {
    const bytes = Buffer.from(text);
    return patterns.match(bytes, 0, bytes.length).length > 0;
  };
}

const atom = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("a", "b", "/", "0", "-", "\\.", "é") },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ".",
      "[ab]",
      "[^a]",
      "[a-c0-9]",
      "\\d",
      "\\w",
      "\\S",
      "[[:alpha:]]",
      "\\x41",
      "(?i:B)",
    ),
  },
);
const pattern = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    atom,
    fc.array(tie("node"), { minLength: 1, maxLength: 3 }).map((parts) => parts.join("")),
    fc.array(tie("node"), { minLength: 2, maxLength: 3 }).map((parts) => `(?:${parts.join("|")})`),
    fc
      .tuple(tie("node"), fc.constantFrom("*", "+", "?", "{2}", "{1,3}", "{0,}", "*?"))
      .map(([node, times]) => `(${node})${times}`),
  ),
})).node;
const subject = fc.string({
  unit: fc.constantFrom("a", "b", "c", "A", "B", "/", "0", "9", "-", ".", "é", "\n"),
  maxLength: 10,
});

describe("patterns", () => {
  test("decide as RE2 does, on full match", () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    let pairs = 0;
    fc.assert(
      fc.property(pattern, fc.array(subject, { minLength: 20, maxLength: 20 }), (text, subjects) => {
        const ours = compile(text);
        const theirs = RE2JS.compile(text);
        for (const one of subjects) {
          pairs++;
          if (ours(one) !== theirs.matches(one))
            throw new Error(`${JSON.stringify(text)} on ${JSON.stringify(one)}: ours ${ours(one)}`);
        }
      }),
      { seed, numRuns: process.env.SOAK ? 50_000 : 2500 },
    );
    console.info(`patterns: ${pairs} pairs, 0 mismatches, seed ${seed}`);
    expect(pairs).toBeGreaterThanOrEqual(50_000);
  }, 3_600_000);

  test.each([
    "(",
    ")",
    "[a",
    "a**",
    "*a",
    "a{2,1}",
    "a{1001}",
    "\\",
    "\\b",
    "\\pL",
    "(?=a)",
    "[b-a]",
    "a\\8",
    "(?P<n>a",
    "x{1000}{1000}",
    "(a{1,1000}){1,1000}",
    "a^b",
    "(".repeat(300),
  ])("%s is refused", (text) => expect(() => compile(text)).toThrow(SockmeshError));

  test("patterns that make backtracking explode are linear here", () => {
    const match = compile("(a+)+(b|a)*(x+x+)+y");
    expect(match(`${"a".repeat(50_000)}${"x".repeat(50_000)}`)).toBe(false);
  });

  test("a pattern whose states are many is run within bounds", () => {
    const match = compile("(a|b)*a(a|b){20}");
    const text = Array.from({ length: 30_000 }, (_, i) => ((i * 7919) % 13 < 6 ? "a" : "b")).join("");
    expect(match(text)).toBe(text.at(-21) === "a");
  });
});
