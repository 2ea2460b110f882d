// SPDX-License-Identifier: Apache-2.0
import { folded } from "./fold.js";
import { canonical, negated, PERL_CLASSES, POSIX_CLASSES, unicodeClass, type Ranges } from "./ranges.js";
import { MAX_CODE_POINT, RegexError } from "./syntax.js";

const CONTROLS: ReadonlyMap<string, number> = new Map([
  ["a", 7],
  ["f", 12],
  ["n", 10],
  ["r", 13],
  ["t", 9],
  ["v", 11],
]);
const PROPERTY = /\\[pP](?:\{(\^?)([^}]*)\}|([^{]))/suy;
const OCTAL = /\\(0[0-7]{0,2}|[1-7][0-7]{1,2})/y;
const HEX = /\\x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})/y;
const PUNCTUATION = /\\[^0-9A-Za-z\x80-\uffff]/y;

/**
 * Reads characters, escapes and classes of a pattern, and moves behind what it read. What is no such thing throws
 * {@link RegexError}. `fold` takes letters of both cases into a class.
 */
export class Scanner {
  at = 0;

  constructor(readonly text: string) {}

  /** A match of a sticky expression at the position, which stays. */
  here(what: RegExp): RegExpExecArray | null {
    what.lastIndex = this.at;
    return what.exec(this.text);
  }

  /** The code point at the position. */
  character(): number {
    const point = this.text.codePointAt(this.at) ?? 0;
    if (point >= 0xd800 && point <= 0xdfff) throw new RegexError("invalid UTF-8", this.at);
    this.at += point > 0xffff ? 2 : 1;
    return point;
  }

  /** The class that `\d`, `\pL`, `\P{Greek}` and their like stand for; undefined for another escape. */
  classEscape(fold: boolean): Ranges | undefined {
    const letter = this.text[this.at + 1] ?? "";
    const perl = PERL_CLASSES.get(letter.toLowerCase());
    if (perl) {
      this.at += 2;
      return signed(fold, perl, letter !== letter.toLowerCase());
    }
    if (letter !== "p" && letter !== "P") return undefined;
    const start = this.at;
    const named = this.here(PROPERTY);
    const ranges = named && unicodeClass(named[2] ?? named[3] ?? "");
    if (!ranges)
      throw new RegexError(`invalid character class range: ${named?.[0] ?? this.text.slice(start)}`, start);
    this.at += named[0].length;
    return signed(fold, ranges, (letter === "P") !== (named[1] === "^"));
  }

  /** The code point that an escape stands for. */
  escaped(): number {
    const start = this.at;
    const letter = this.text[start + 1];
    if (letter === undefined) throw new RegexError("trailing backslash at end of expression", start);
    const control = CONTROLS.get(letter);
    if (control !== undefined) {
      this.at += 2;
      return control;
    }
    const octal = this.here(OCTAL);
    const hex = this.here(HEX);
    const point = octal
      ? parseInt(octal[1]!, 8)
      : hex
        ? parseInt(hex[1] ?? hex[2]!, 16)
        : this.here(PUNCTUATION)
          ? letter.charCodeAt(0)
          : -1;
    if (point < 0 || point > MAX_CODE_POINT)
      throw new RegexError(`invalid escape sequence: \\${letter}`, start);
    this.at += (octal ?? hex ?? [`\\${letter}`])[0].length;
    return point;
  }

  /** The class in brackets at the position. */
  charClass(fold: boolean): Ranges {
    const start = this.at++;
    const complement = this.text[this.at] === "^";
    if (complement) this.at++;
    const out: number[] = [];
    const add = (ranges: Ranges): void => {
      for (const bound of ranges) out.push(bound);
    };
    for (let first = true; first || this.text[this.at] !== "]"; first = false) {
      const named =
        this.posixClass(fold) ?? (this.text[this.at] === "\\" ? this.classEscape(fold) : undefined);
      if (named) {
        add(named);
        continue;
      }
      const from = this.at;
      const lo = this.member(start);
      let hi = lo;
      if (this.text[this.at] === "-" && this.at + 1 < this.text.length && this.text[this.at + 1] !== "]") {
        this.at++;
        hi = this.member(start);
        if (hi < lo)
          throw new RegexError(`invalid character class range: ${this.text.slice(from, this.at)}`, from);
      }
      add(fold ? folded([lo, hi]) : [lo, hi]);
    }
    this.at++;
    const ranges = canonical(out);
    return complement ? negated(ranges) : ranges;
  }

  private member(start: number): number {
    if (this.at >= this.text.length) throw new RegexError("missing closing ]", start);
    return this.text[this.at] === "\\" ? this.escaped() : this.character();
  }

  /** `[:alpha:]` or `[:^alpha:]` inside a class; undefined for anything else. */
  private posixClass(fold: boolean): Ranges | undefined {
    const start = this.at;
    if (!this.text.startsWith("[:", start)) return undefined;
    const end = this.text.indexOf(":]", start + 2);
    if (end < 0) return undefined;
    const word = this.text.slice(start + 2, end);
    const complement = word.startsWith("^");
    const ranges = POSIX_CLASSES.get(complement ? word.slice(1) : word);
    if (!ranges)
      throw new RegexError(`invalid character class range: ${this.text.slice(start, end + 2)}`, start);
    this.at = end + 2;
    return signed(fold, ranges, complement);
  }
}

/** A named class: folding comes before the complement. */
function signed(fold: boolean, ranges: Ranges, complement: boolean): Ranges {
  const all = fold ? folded(ranges) : ranges;
  return complement ? negated(canonical(all)) : all;
}
