// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { RE2JS } from "re2js";
import { contains, difference, overlap, type Difference } from "../../../l7policy/automaton/compare.js";
import { parseRegex } from "../../../l7policy/regex/parse.js";
import { ANYTHING } from "../../../l7policy/regex/syntax.js";
import { grammar } from "../../support/patterns.js";
import { Random } from "../../support/random.js";

const compared = (outer: string, inner: string): Difference => contains(parseRegex(outer), parseRegex(inner));
const witness = (text: string): Difference => ({ kind: "witness", text });
const none: Difference = { kind: "none" };

test.each([
  ["/api/.*", "/api/items/[0-9]+", none],
  ["/api/items/[0-9]+", "/api/.*", witness("/api/")],
  ["/api/.*", "/api", witness("/api")],
  [".*", "(?s).*", witness("\n")],
  ["(?s).*", ".*", none],
  ["a|b|c", "[a-c]", none],
  ["[a-c]", "a|b|cd", witness("cd")],
  ["(?i)get", "GET|get|gEt", none],
  ["(?i)k", "\u212a", none],
  ["k", "(?i)k", witness("K")],
  ["[^/]+", "é😀", none],
  ["\\w+", "é", witness("é")],
  ["a*", "", none],
  ["^a$", "\\ba\\b", none],
  ["x", "[^\\x00-\\x{10FFFF}]", none],
])("%s against %s", (outer, inner, wanted) => expect(compared(outer, inner)).toEqual(wanted));

test("a rule is shadowed by several others together", () => {
  const parsed = (...texts: string[]) => texts.map(parseRegex);
  expect(difference(parsed("/[abc]"), parsed("/a", "/[bc]"))).toEqual(none);
  expect(difference(parsed("/[abc]"), parsed("/a", "/b"))).toEqual(witness("/c"));
  expect(difference([ANYTHING], parsed("/.*"))).toEqual(witness(""));
  expect(difference([ANYTHING], parsed("/"), parseRegex("/[!-~]*"))).toEqual(witness("/a"));
});

test("patterns overlap in a shortest text", () => {
  const of = (...texts: string[]) => overlap(texts.map(parseRegex));
  expect(of("/a.*", ".*b", ".{4,}")).toEqual(witness("/aab"));
  expect(of("/a.*", "/b.*")).toEqual(none);
});

test("what would take too many states is unknown", () => {
  expect(compared("(?s).*", "[ab]*a[ab]{25}").kind).toBe("unknown");
  expect(compared("[ab]*a[ab]{25}", "b?").kind).toBe("witness");
  expect(compared("[ab]*a[ab]{25}", "[ab]*b[ab]{25}").kind).toBe("unknown");
  expect(compared("[ab]*a[ab]{25}|[ab]*b[ab]{25}|[ab]{0,25}", "[ab]*").kind).toBe("unknown");
});

test("witnesses are told apart by RE2 too", () => {
  const random = new Random(Math.floor(Math.random() * 2 ** 31));
  const seen = { none: 0, witness: 0, unknown: 0 };
  for (let i = 0; i < (process.env.SOAK ? 50_000 : 600); i++) {
    const [one, other] = [grammar(random, 2), grammar(random, 2)];
    let patterns: RE2JS[];
    try {
      patterns = [RE2JS.compile(one.text), RE2JS.compile(other.text)];
    } catch {
      continue;
    }
    const result = difference([parseRegex(one.text)], [parseRegex(other.text)]);
    seen[result.kind]++;
    const [inside, outside] = patterns;
    const where = `${JSON.stringify([one.text, other.text])}, seed ${random.seed}`;
    if (result.kind === "witness") {
      if (!inside?.matches(result.text) || outside?.matches(result.text))
        throw new Error(`${JSON.stringify(result.text)} is no witness of ${where}`);
    } else if (result.kind === "none") {
      const text = one.match();
      if (inside?.matches(text) && !outside?.matches(text))
        throw new Error(`${JSON.stringify(text)}: ${where}`);
    }
  }
  console.info(`differences: ${JSON.stringify(seen)}, seed ${random.seed}`);
  expect(seen.none).toBeGreaterThan(20);
  expect(seen.witness).toBeGreaterThan(20);
}, 3_600_000);
