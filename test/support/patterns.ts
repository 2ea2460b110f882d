// SPDX-License-Identifier: Apache-2.0
import type { Random } from "./random.js";

/** A pattern with a way to make texts that (mostly) match it. */
export interface Sample {
  readonly text: string;
  readonly match: () => string;
}

const ATOMS: readonly [string, string][] = [
  ...([..."abcABkKsS/0_- é\u212aſ😀"].map((c) => [c, c]) as [string, string][]),
  [".", "x"],
  [".", "é"],
  ["\\.", "."],
  ["[ab]", "b"],
  ["[^a]", "\n"],
  ["[a-c0-9]", "7"],
  ["[^/]", "z"],
  ["[]a]", "]"],
  ["[^\\d]", "k"],
  ["[\\w-]", "-"],
  ["[é-ü]", "ö"],
  ["[^é]", "e"],
  ["[\\x{100}-\\x{ffff}]", "\u0151"],
  ["[k-m]", "k"],
  ["\\d", "5"],
  ["\\w", "_"],
  ["\\s", "\t"],
  ["\\S", "S"],
  ["\\W", "é"],
  ["\\D", "d"],
  ["[[:alpha:]]", "a"],
  ["[[:^punct:]_]", "_"],
  ["\\x41", "A"],
  ["\\x{e9}", "é"],
  ["\\101", "A"],
  ["\\Qa.b\\E", "a.b"],
  ["\\pL", "a"],
  ["\\p{Lu}", "K"],
  ["\\PL", "0"],
  ["\\p{Greek}", "Ω"],
  ["\\p{^Greek}", "k"],
  ["[\\p{Ll}\\d]", "ſ"],
  ["(?i:k)", "\u212a"],
  ["(?i)s(?-i)", "ſ"],
  ["(?i:[A-C])", "b"],
  ["(?i:é)", "É"],
  ["(?i:\\w)", "ſ"],
  ["(?i:ω)", "Ω"],
  ["(?s:.)", "\n"],
  ["\\n", "\n"],
  ["\\t", "\t"],
  ["^", ""],
  ["$", ""],
  ["\\b", ""],
  ["\\B", ""],
  ["\\A", ""],
  ["\\z", ""],
  ["(?m:^)", ""],
  ["(?m:$)", ""],
  ["(?m)$\\n", "\n"],
  ["", ""],
];
const TIMES: readonly [string, number][] = [
  ["*", 2],
  ["+", 1],
  ["?", 0],
  ["*?", 0],
  ["+?", 2],
  ["??", 1],
  ["{2}", 2],
  ["{0}", 0],
  ["{1,3}", 3],
  ["{0,}", 1],
  ["{2,}?", 3],
  ["{0,2}", 2],
];
const GROUPS = ["(", "(?:", "(?P<n>", "(?<m>", "(?i:", "(?s:", "(?m:", "(?U:", "(?i-s:", "(?-i:"];

/** Patterns of RE2's grammar; names of groups may come twice, which is an error. */
export function grammar(random: Random, depth = 4): Sample {
  const kind = depth === 0 ? 0 : random.below(8);
  if (kind < 3) {
    const [text, match] = random.of(ATOMS);
    return { text, match: () => match };
  }
  if (kind < 6) {
    const parts = Array.from({ length: 1 + random.below(3) }, () => grammar(random, depth - 1));
    return {
      text: parts.map((part) => part.text).join(""),
      match: () => parts.map((part) => part.match()).join(""),
    };
  }
  if (kind === 6) {
    const parts = Array.from({ length: 2 + random.below(2) }, () => grammar(random, depth - 1));
    const text = `${random.of(GROUPS)}${parts.map((part) => part.text).join("|")})`;
    return { text, match: () => random.of(parts).match() };
  }
  const part = grammar(random, depth - 1);
  const [times, count] = random.of(TIMES);
  const open = random.once(6) ? "" : random.of(GROUPS);
  return {
    text: `${open}${part.text}${open === "" ? "" : ")"}${times}`,
    match: () => Array.from({ length: count }, () => part.match()).join(""),
  };
}

const WORDS = [
  "api",
  "v1",
  "v2",
  "items",
  "users",
  "orders",
  "admin",
  "static",
  "health",
  "Public",
  "a-b",
  "x_y",
];
const PIECES: readonly [string, string][] = [
  ["[0-9]+", "42"],
  ["\\d{1,5}", "7"],
  ["[^/]+", "x.y"],
  ["[^/]*", ""],
  [".*", "a/b"],
  [".+", "q"],
  ["[a-z0-9-]+", "k-9"],
  ["[a-f0-9]{8}", "00c0ffee"],
  ["(?:json|xml)", "xml"],
  ["(items|users)", "items"],
  ["\\w+", "wd"],
  ["[[:alnum:]]{2,4}", "a1b"],
  ["(?i)abc", "aBC"],
  ["[A-Za-z_][A-Za-z0-9_]*", "_9"],
];

/** Patterns as policies have them: paths, hosts, topics, methods. */
export function realistic(random: Random): Sample {
  const kind = random.below(4);
  if (kind === 0) {
    const methods = Array.from({ length: 1 + random.below(3) }, () =>
      random.of(["GET", "POST", "PUT", "HEAD", "DELETE"]),
    );
    return { text: methods.join("|"), match: () => random.of(methods) };
  }
  const [separator, join] = random.of([
    ["/", "/"],
    ["\\.", "."],
    ["[.]", "."],
    ["-", "-"],
  ] as [string, string][]);
  const parts = Array.from({ length: 1 + random.below(4) }, (): [string, string] => {
    const word = random.of(WORDS);
    return random.once(3) ? random.of(PIECES) : [word, word];
  });
  const end = random.of([
    ["", ""],
    ["", ""],
    ["$", ""],
    ["/?", "/"],
    ["/.*", "/a"],
    ["(\\?.*)?", "?q=1"],
    [".*", ""],
  ] as [string, string][]);
  const start = random.once(5) ? "^" : "";
  return {
    text: start + separator + parts.map(([text]) => text).join(separator) + end[0],
    match: () => join + parts.map(([, match]) => match).join(join) + end[1],
  };
}

const SYNTAX = [
  ..."()[]{}|*+?^$\\.-,:ab09_PQEpLdwzsi<>=!U",
  "(?",
  "[^",
  "[[:",
  ":]",
  "\\x{",
  "{1,",
  "\\p{",
  "\\Q",
  "\\E",
  "(?P<",
  "{1001}",
  "{2}",
];

/** Anything that is put together from what has a meaning in patterns; mostly not valid. */
export function noise(random: Random): string {
  return Array.from({ length: 1 + random.below(8) }, () => random.of(SYNTAX)).join("");
}

const CHARS = [..."abcABkKsS/.09_-x \n\tzé\u212aſΩω😀?[]"];

/** A text that differs a little. */
export function nearby(random: Random, text: string): string {
  const chars = [...text];
  for (let i = random.below(3); i > 0; i--)
    chars.splice(random.below(chars.length + 1), random.below(2), random.of(CHARS));
  if (random.once(4)) chars.splice(random.below(chars.length + 1), 1);
  return chars.join("");
}

/** A short text of characters that patterns tell apart. */
export function anyText(random: Random): string {
  return Array.from({ length: random.below(6) }, () => random.of(CHARS)).join("");
}
