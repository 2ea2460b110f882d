// SPDX-License-Identifier: Apache-2.0
import { SockmeshError } from "../../core/errors.js";
import { setOf, SINGLE, type ByteSet } from "./bytes.js";

/** A pattern as a tree over bytes. */
export type Node =
  | { readonly op: "empty" }
  | { readonly op: "bytes"; readonly set: ByteSet }
  | { readonly op: "cat"; readonly of: readonly Node[] }
  | { readonly op: "alt"; readonly of: readonly Node[] }
  | { readonly op: "repeat"; readonly of: Node; readonly min: number; readonly max: number };

const MOST_PATTERN = 64 * 1024;
const MOST_REPEAT = 1000; // RE2's own bound
const MOST_DEPTH = 250;
const MOST_SIZE = 100_000;
const EMPTY: Node = { op: "empty" };

const range = (from: number, to: number): ByteSet => setOf((byte) => byte >= from && byte <= to);
const one = (set: ByteSet): Node => ({ op: "bytes", set });
const cat = (...of: Node[]): Node => (of.length === 1 ? (of[0] ?? EMPTY) : { op: "cat", of });
const alt = (...of: Node[]): Node => (of.length === 1 ? (of[0] ?? EMPTY) : { op: "alt", of });

const DIGIT = range(0x30, 0x39);
const WORD = setOf((byte) => /[0-9A-Za-z_]/.test(String.fromCharCode(byte)));
const SPACE = setOf((byte) => byte === 9 || byte === 10 || byte === 12 || byte === 13 || byte === 32);
const TAIL = one(range(0x80, 0xbf));
/** One character beyond ASCII, in UTF-8 (RFC 3629). */
const BEYOND_ASCII = alt(
  cat(one(range(0xc2, 0xdf)), TAIL),
  cat(one(range(0xe0, 0xe0)), one(range(0xa0, 0xbf)), TAIL),
  cat(one(range(0xe1, 0xec)), TAIL, TAIL),
  cat(one(range(0xed, 0xed)), one(range(0x80, 0x9f)), TAIL),
  cat(one(range(0xee, 0xef)), TAIL, TAIL),
  cat(one(range(0xf0, 0xf0)), one(range(0x90, 0xbf)), TAIL, TAIL),
  cat(one(range(0xf1, 0xf3)), TAIL, TAIL, TAIL),
  cat(one(range(0xf4, 0xf4)), one(range(0x80, 0x8f)), TAIL, TAIL),
);
const POSIX: Record<string, ByteSet> = {
  alnum: setOf((b) => /[0-9A-Za-z]/.test(String.fromCharCode(b))),
  alpha: setOf((b) => /[A-Za-z]/.test(String.fromCharCode(b))),
  ascii: range(0, 0x7f),
  blank: setOf((b) => b === 9 || b === 32),
  cntrl: setOf((b) => b < 32 || b === 127),
  digit: DIGIT,
  graph: range(0x21, 0x7e),
  lower: range(0x61, 0x7a),
  print: range(0x20, 0x7e),
  punct: setOf((b) => b > 0x20 && b < 0x7f && !/[0-9A-Za-z]/.test(String.fromCharCode(b))),
  space: setOf((b) => (b >= 9 && b <= 13) || b === 32),
  upper: range(0x41, 0x5a),
  word: WORD,
  xdigit: setOf((b) => /[0-9A-Fa-f]/.test(String.fromCharCode(b))),
};
const CONTROLS: Record<string, number> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };

/**
 * Parses RE2 syntax (github.com/google/re2/wiki/Syntax) into a tree over bytes. Groups do not capture: only whether the
 * whole text matches is asked. `^` and `$` are accepted where they change nothing, at the pattern's ends.
 * Throws SM_POLICY_REGEX with the position. Unicode classes, word boundaries and classes with characters beyond ASCII
 * are refused.
 */
export function parseRegex(pattern: string): Node {
  return new Parser(pattern).parse();
}

class Parser {
  private at = 0;
  private depth = 0;
  private size = 0;
  private fold = false;
  private dotAll = false;
  private readonly text: string[];

  constructor(pattern: string) {
    if (pattern.length > MOST_PATTERN)
      throw new SockmeshError("SM_POLICY_REGEX", `the pattern is longer than ${MOST_PATTERN} characters`);
    this.text = [...pattern];
  }

  parse(): Node {
    const node = this.alternatives();
    if (this.at < this.text.length) this.fail("unexpected )");
    return node;
  }

  private fail(what: string): never {
    throw new SockmeshError("SM_POLICY_REGEX", `${what} at character ${this.at + 1} of the pattern`);
  }

  private peek(): string | undefined {
    return this.text[this.at];
  }

  private alternatives(): Node {
    if (++this.depth > MOST_DEPTH) this.fail("nested too deeply");
    const { fold, dotAll } = this;
    const of: Node[] = [this.sequence()];
    while (this.peek() === "|") {
      this.at++;
      of.push(this.sequence());
    }
    this.fold = fold;
    this.dotAll = dotAll;
    this.depth--;
    return alt(...of);
  }

  private sequence(): Node {
    const of: Node[] = [];
    for (let next = this.peek(); next !== undefined && next !== "|" && next !== ")"; next = this.peek()) {
      const start = this.size;
      const atom = this.atom(next);
      of.push(this.repeats(atom, this.size - start));
    }
    return of.length === 0 ? EMPTY : cat(...of);
  }

  private repeats(atom: Node, weight: number): Node {
    let node = atom;
    for (let again = false; ; again = true) {
      const next = this.peek();
      let min = 0;
      let max = Infinity;
      if (next === "*" || next === "+" || next === "?") {
        this.at++;
        if (next === "+") min = 1;
        if (next === "?") max = 1;
      } else if (next === "{") {
        const bounds = /^\{(\d+)(?:(,)(\d*))?\}/.exec(this.text.slice(this.at, this.at + 14).join(""));
        if (!bounds) return again ? node : cat(node, ...this.literalBrace());
        this.at += bounds[0].length;
        min = Number(bounds[1]);
        max = bounds[2] ? (bounds[3] ? Number(bounds[3]) : Infinity) : min;
        if (min > MOST_REPEAT || (max !== Infinity && (max > MOST_REPEAT || max < min)))
          this.fail("bad repetition bounds");
        this.grow(weight * (max === Infinity ? min : max));
      } else return node;
      if (again) this.fail("bad repetition operator");
      if (this.peek() === "?") this.at++; // laziness does not change what matches in full
      node = { op: "repeat", of: node, min, max };
    }
  }

  /** A `{` that opens no bounds stands for itself. */
  private literalBrace(): Node[] {
    this.at++;
    return [this.character(0x7b)];
  }

  private grow(by: number): void {
    this.size += by;
    if (this.size > MOST_SIZE) this.fail("the pattern is too large when its repetitions are written out");
  }

  private atom(next: string): Node {
    this.at++;
    switch (next) {
      case "(":
        return this.group();
      case "[":
        return this.charClass();
      case ".":
        this.grow(4);
        return alt(one(setOf((byte) => byte < 0x80 && (this.dotAll || byte !== 10))), BEYOND_ASCII);
      case "^":
        if (this.at !== 1 && this.depth === 1 && this.text[this.at - 2] !== "|")
          this.fail("^ inside a pattern matches nothing");
        return EMPTY;
      case "$":
        if (this.at !== this.text.length && this.peek() !== "|" && this.peek() !== ")")
          this.fail("$ inside a pattern matches nothing");
        return EMPTY;
      case "\\":
        return this.escape();
      case "*":
      case "+":
      case "?":
        this.at--;
        return this.fail("missing argument to repetition operator");
      default:
        return this.character(next.codePointAt(0) ?? 0);
    }
  }

  private group(): Node {
    if (this.peek() === "?") {
      const rest = this.text.slice(this.at, this.at + 64).join("");
      const flags = /^\?([imsU]*)(?:-([imsU]+))?([:)])/.exec(rest);
      const name = /^\?P?<[A-Za-z_][A-Za-z0-9_]*>/.exec(rest);
      if (flags) {
        this.at += flags[0].length;
        const { fold, dotAll } = this;
        for (const flag of flags[1] ?? "") this.flag(flag, true);
        for (const flag of flags[2] ?? "") this.flag(flag, false);
        if (flags[3] === ")") return EMPTY;
        const node = this.closed();
        this.fold = fold;
        this.dotAll = dotAll;
        return node;
      }
      if (!name) this.fail("unknown group syntax");
      this.at += name[0].length;
    }
    return this.closed();
  }

  private flag(flag: string, on: boolean): void {
    if (flag === "i") this.fold = on;
    if (flag === "s") this.dotAll = on;
  }

  private closed(): Node {
    const node = this.alternatives();
    if (this.peek() !== ")") this.fail("missing closing )");
    this.at++;
    return node;
  }

  /** One code point as its UTF-8 bytes; letters in both cases under (?i). */
  private character(code: number): Node {
    this.grow(1);
    if (code < 0x80) return one(this.folded(SINGLE[code]!));
    return cat(...[...Buffer.from(String.fromCodePoint(code))].map((value) => one(SINGLE[value]!)));
  }

  private folded(set: ByteSet): ByteSet {
    if (!this.fold) return set;
    const both = set.slice();
    for (let lower = 0x61; lower <= 0x7a; lower++)
      if (set[lower] || set[lower - 32]) both[lower] = both[lower - 32] = 1;
    return both;
  }

  private escape(): Node {
    const next = this.peek();
    if (next === undefined) this.fail("trailing backslash");
    if (next === "A" || next === "z") {
      this.at++;
      return EMPTY;
    }
    const negated = this.perlClass(next, true);
    if (negated) {
      this.at++;
      this.grow(1);
      return next === next.toLowerCase() ? one(negated) : alt(one(negated), BEYOND_ASCII);
    }
    if (next === "Q") {
      this.at++;
      const of: Node[] = [];
      while (this.at < this.text.length && !(this.peek() === "\\" && this.text[this.at + 1] === "E")) {
        of.push(this.character(this.peek()?.codePointAt(0) ?? 0));
        this.at++;
      }
      this.at += 2;
      return of.length === 0 ? EMPTY : cat(...of);
    }
    return this.character(this.escaped());
  }

  /** `\d`, `\w`, `\s` and their complements within ASCII. */
  private perlClass(letter: string, _whole: boolean): ByteSet | undefined {
    const base = { d: DIGIT, w: WORD, s: SPACE }[letter.toLowerCase()];
    if (!base) return undefined;
    return letter === letter.toLowerCase() ? base : setOf((byte) => byte < 0x80 && base[byte] === 0);
  }

  /** The code point of an escape whose backslash has been read. */
  private escaped(): number {
    const next = this.peek() ?? "";
    const control = CONTROLS[next];
    if (control !== undefined) {
      this.at++;
      return control;
    }
    const rest = this.text.slice(this.at, this.at + 12).join("");
    const hex = /^x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/.exec(rest);
    if (hex) {
      this.at += hex[0].length;
      const code = parseInt(hex[1] ?? hex[2] ?? "", 16);
      if (code > 0x10ffff) this.fail("bad escape");
      return code;
    }
    if (/[0-9A-Za-z]/.test(next)) this.fail(`unsupported escape \\${next}`);
    this.at++;
    return next.codePointAt(0) ?? 0;
  }

  private charClass(): Node {
    const set = new Uint8Array(256);
    const negated = this.peek() === "^";
    if (negated) this.at++;
    for (let first = true; ; first = false) {
      const next = this.peek();
      if (next === undefined) this.fail("missing closing ]");
      if (next === "]" && !first) break;
      const named = /^\[:(\^?)([a-z]+):\]/.exec(this.text.slice(this.at, this.at + 14).join(""));
      if (named) {
        const members = POSIX[named[2] ?? ""] ?? this.fail("unknown character class");
        for (let byte = 0; byte < 0x80; byte++)
          if ((members[byte] === 1) !== (named[1] === "^")) set[byte] = 1;
        this.at += named[0].length;
        continue;
      }
      const perl = next === "\\" ? this.perlClass(this.text[this.at + 1] ?? "", false) : undefined;
      if (perl) {
        this.at += 2;
        for (let byte = 0; byte < 0x80; byte++) if (perl[byte]) set[byte] = 1;
        continue;
      }
      const from = this.classMember();
      let to = from;
      if (this.peek() === "-" && this.text[this.at + 1] !== "]" && this.text[this.at + 1] !== undefined) {
        this.at++;
        to = this.classMember();
        if (to < from) this.fail("bad character range");
      }
      for (let byte = from; byte <= to; byte++) set[byte] = 1;
    }
    this.at++;
    this.grow(negated ? 4 : 1);
    const folded = this.folded(set);
    if (!negated) return one(folded);
    return alt(one(setOf((byte) => byte < 0x80 && folded[byte] === 0)), BEYOND_ASCII);
  }

  private classMember(): number {
    const next = this.peek() ?? "";
    this.at++;
    const code = next === "\\" ? this.escaped() : (next.codePointAt(0) ?? 0);
    if (code >= 0x80) this.fail("characters beyond ASCII are not supported in a class");
    return code;
  }
}
