// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "@jest/globals";
import { RE2JS } from "re2js";
import { SockmeshError } from "../../../core/errors.js";
import { Patterns } from "../../../l7policy/automaton/patterns.js";
import { parseRegex } from "../../../l7policy/regex/parse.js";
import { RegexError } from "../../../l7policy/regex/syntax.js";
import { anyText, grammar, nearby, noise, realistic } from "../../support/patterns.js";
import { Random } from "../../support/random.js";

function compile(pattern: string): (text: string) => boolean {
  const patterns = new Patterns();
  patterns.number(pattern);
  patterns.build();
  return (text) => {
    const bytes = Buffer.from(text);
    return patterns.match(bytes, 0, bytes.length).length > 0;
  };
}

/** Result of a function, undefined when it throws an error of these kinds. */
function unless<T>(make: () => T, ...kinds: (new (...args: never[]) => Error)[]): T | undefined {
  try {
    return make();
  } catch (error) {
    if (kinds.some((kind) => error instanceof kind) || (error as Error).name.startsWith("RE2JS"))
      return undefined;
    throw error;
  }
}

/** Compares our reading of a pattern with that of re2js, on texts near to what it matches. */
function compare(random: Random, pattern: string, match: () => string, count: number): number {
  const theirs = unless(() => RE2JS.compile(pattern));
  const ours = unless(() => compile(pattern), SockmeshError);
  if ((theirs === undefined) !== (ours === undefined))
    throw new Error(`${JSON.stringify(pattern)}: ours ${ours ? "accepted" : "refused"}; seed ${random.seed}`);
  if (!theirs || !ours) return 0;
  for (let i = 0; i < count; i++) {
    const text = i === 0 ? match() : random.once(6) ? anyText(random) : nearby(random, match());
    if (ours(text) !== theirs.matches(text))
      throw new Error(
        `${JSON.stringify(pattern)} on ${JSON.stringify(text)}: ours ${ours(text)}; seed ${random.seed}`,
      );
  }
  return count;
}

describe("patterns", () => {
  // `[[:]` is left out: RE2 and Go read a class of two characters there, re2js the name of a class.
  test("decide as RE2 does, on full match; and the same ones are refused", () => {
    const random = new Random(Math.floor(Math.random() * 2 ** 31));
    const [rounds, each] = [process.env.SOAK ? 30_000 : 2_100, 250];
    let pairs = 0;
    let refused = 0;
    for (let i = 0; i < rounds; i++) {
      const structured = grammar(random);
      const compared = compare(random, structured.text, structured.match, each);
      if (compared === 0) refused++;
      pairs += compared;
      const practical = realistic(random);
      pairs += compare(random, practical.text, practical.match, each);
      const text = noise(random).replaceAll("[:]", "");
      const some = compare(random, text, () => text, 5);
      if (some === 0) refused++;
      pairs += some;
    }
    console.info(
      `patterns: ${pairs} pairs, ${refused} patterns refused by both, 0 mismatches, seed ${random.seed}`,
    );
    expect(pairs).toBeGreaterThanOrEqual(rounds * 400);
    expect(refused).toBeGreaterThan(rounds / 10);
  }, 3_600_000);

  test.each([
    ["(", "missing closing )", 0],
    ["a(b(c)", "missing closing )", 1],
    ["ab)", "unexpected )", 2],
    ["x[a", "missing closing ]", 1],
    ["a**", "invalid nested repetition operator", 2],
    ["*a", "missing argument to repetition operator", 0],
    ["a|*", "missing argument to repetition operator", 2],
    ["a{2,1}", "invalid repeat count", 1],
    ["a{1001}", "invalid repeat count", 1],
    ["(a{100}){11}", "invalid repeat count", 8],
    ["ab\\", "trailing backslash", 2],
    ["a\\8", "invalid escape sequence", 1],
    ["\\C", "invalid escape sequence", 0],
    ["é\\pX", "invalid character class range", 1],
    ["\\p{Nope}", "invalid character class range", 0],
    ["(?=a)", "invalid or unsupported Perl syntax", 0],
    ["(?P<n>a", "missing closing )", 0],
    ["(?P<n>a)(?P<n>b)", "duplicate capture group name", 8],
    ["(?P<1-2>a)", "invalid named capture", 0],
    ["[b-a]", "invalid character class range", 1],
    ["[[:nope:]]", "invalid character class range", 1],
    ["a{1000}".repeat(101), "expression too large", undefined],
    ["(".repeat(1001), "expression nests too deeply", 1000],
    ["(a{1,1000}){1,1000}", "invalid repeat count", 11],
    ["((a{1,100}){1,100}){1,100}", "invalid repeat count", 11],
    ["\ud800", "invalid UTF-8", 0],
    // A megabyte of whatever: refused before it is looked at.
    ["a".repeat(1 << 20), "expression too large", 65_536],
    ["ab|".repeat(350_000), "expression too large", 65_536],
    ["(".repeat(500_000) + ")".repeat(500_000), "expression too large", 65_536],
    [`[${"a-z".repeat(350_000)}]`, "expression too large", 65_536],
  ])("%#: refused for what is wrong, and where", (pattern, message, offset) => {
    const error = unlessThrown(() => parseRegex(pattern));
    expect(error).toBeInstanceOf(SockmeshError);
    expect(error?.message).toContain(message);
    const { cause } = error as { cause?: unknown };
    expect(cause).toBeInstanceOf(RegexError);
    if (offset !== undefined) expect((cause as RegexError).offset).toBe(offset);
  });

  test("every character folds as in RE2", () => {
    const orbits = RE2JS.compile("(?i)[\\x{80}-\\x{10FFFF}]");
    expect(orbits.matches("é")).toBe(true);
    let compared = 0;
    for (const point of FOLDING) {
      const text = String.fromCodePoint(point);
      const pattern = `(?i)\\x{${point.toString(16)}}`;
      const [ours, theirs] = [compile(pattern), RE2JS.compile(pattern)];
      for (const other of [
        text,
        text.toLowerCase(),
        text.toUpperCase(),
        "k",
        "K",
        "s",
        "S",
        "ß",
        "ẞ",
        "µ",
        "ι",
      ]) {
        compared++;
        if (ours(other) !== theirs.matches(other))
          throw new Error(`${pattern} on ${other}: ours ${ours(other)}`);
      }
    }
    expect(compared).toBeGreaterThan(10_000);
  });

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

function unlessThrown(run: () => unknown): Error | undefined {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  return undefined;
}

/** Letters with case below the ideographs. */
const FOLDING = Array.from({ length: 0x2d00 }, (_, point) => point).filter((point) => {
  const text = String.fromCodePoint(point);
  return text.toLowerCase() !== text || text.toUpperCase() !== text;
});
