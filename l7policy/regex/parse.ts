// SPDX-License-Identifier: Apache-2.0
import { SockmeshError } from "../../core/errors.js";
import { folded } from "./fold.js";
import { negated, type Ranges } from "./ranges.js";
import { Scanner } from "./scan.js";
import { alternate, Assertion, codePoint, concat, EMPTY, RegexError, type Regex } from "./syntax.js";

const MOST_PATTERN = 64 * 1024;
/** RE2's bound on counts, and on the product of nested ones. */
const MOST_REPEAT = 1000;
/** RE2's bound on nesting. */
const MOST_DEPTH = 1000;
/** States that one pattern may need. */
const MOST_SIZE = 100_000;

/**
 * Parses RE2 syntax (github.com/google/re2/wiki/Syntax), as RE2 and Go's regexp have it, without `\C`. Throws
 * SM_POLICY_REGEX that names the position; its cause is a {@link RegexError}.
 */
export function parseRegex(pattern: string): Regex {
  try {
    return new Parser(pattern).parse();
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    throw new SockmeshError(
      "SM_POLICY_REGEX",
      `${error.message} at character ${[...pattern.slice(0, error.offset)].length + 1} of the pattern`,
      { cause: error },
    );
  }
}

/** A part that is complete, and what bounds ask of it. */
interface Part {
  readonly regex: Regex;
  /** States that it needs, roughly. */
  readonly size: number;
  /** Product of the counted repetitions nested in it. */
  readonly repeats: number;
  readonly depth: number;
}

interface Flags {
  readonly fold: boolean;
  readonly dotAll: boolean;
  readonly lines: boolean;
}

/** A group that is open: finished alternatives, and the parts of the current one. */
interface Group {
  /** Flags outside of it. */
  readonly flags: Flags;
  readonly at: number;
  readonly alternatives: Part[];
  parts: Part[];
}

const NOTHING: Part = { regex: EMPTY, size: 0, repeats: 1, depth: 1 };
const ASSERTIONS: ReadonlyMap<string, Assertion> = new Map([
  ["A", Assertion.beginText],
  ["z", Assertion.endText],
  ["b", Assertion.wordBoundary],
  ["B", Assertion.noWordBoundary],
]);
const COUNT = /\{(0|[1-9]\d*)(?:(,)(0|[1-9]\d*)?)?\}/y;
const OPTIONS = /\(\?([imsU]*)(?:-([imsU]+))?([:)])/y;
const NAME = /\(\?P?<(\w+)>/y;
const NOT_LINE_FEED: Ranges = negated([10, 10]);
const ANY: Ranges = negated([]);

class Parser {
  private flags: Flags = { fold: false, dotAll: false, lines: false };
  private group: Group = { flags: this.flags, at: 0, alternatives: [], parts: [] };
  private readonly outer: Group[] = [];
  private readonly names = new Set<string>();
  private readonly scanner: Scanner;

  constructor(text: string) {
    if (text.length > MOST_PATTERN) throw new RegexError("expression too large", MOST_PATTERN);
    this.scanner = new Scanner(text);
  }

  parse(): Regex {
    // True while the last thing read was a repetition: another one is an error then.
    let repeated = false;
    while (this.scanner.at < this.scanner.text.length) repeated = this.next(repeated);
    if (this.outer.length > 0) throw new RegexError("missing closing )", this.group.at);
    return this.closed().regex;
  }

  /** Reads one thing. Returns true when it was a repetition. */
  private next(repeated: boolean): boolean {
    const start = this.scanner.at;
    switch (this.scanner.text[start]) {
      case "(":
        this.open();
        return false;
      case ")":
        this.close();
        return false;
      case "|":
        this.scanner.at++;
        this.group.alternatives.push(this.sequence());
        this.group.parts = [];
        return false;
      case "^":
        this.scanner.at++;
        this.assert(this.flags.lines ? Assertion.beginLine : Assertion.beginText);
        return false;
      case "$":
        this.scanner.at++;
        this.assert(this.flags.lines ? Assertion.endLine : Assertion.endText);
        return false;
      case ".":
        this.scanner.at++;
        this.add(this.flags.dotAll ? ANY : NOT_LINE_FEED);
        return false;
      case "[":
        this.add(this.scanner.charClass(this.flags.fold));
        return false;
      case "*":
        return this.repeat(start, start + 1, 0, -1, repeated);
      case "+":
        return this.repeat(start, start + 1, 1, -1, repeated);
      case "?":
        return this.repeat(start, start + 1, 0, 1, repeated);
      case "{": {
        // What is no count is a brace.
        const count = this.scanner.here(COUNT);
        if (!count) break;
        const min = Number(count[1]);
        const max = count[2] === undefined ? min : count[3] === undefined ? -1 : Number(count[3]);
        if (min > MOST_REPEAT || max > MOST_REPEAT || (max >= 0 && max < min))
          throw new RegexError(`invalid repeat count: ${count[0]}`, start);
        return this.repeat(start, start + count[0].length, min, max, repeated);
      }
      case "\\":
        this.escape();
        return false;
    }
    this.literal(this.scanner.character());
    return false;
  }

  private literal(point: number): void {
    const alone = codePoint(point);
    const ranges = this.flags.fold ? folded(alone.ranges) : alone.ranges;
    this.push(ranges.length === 2 && ranges[0] === ranges[1] ? alone : { kind: "class", ranges }, ranges);
  }

  private add(ranges: Ranges): void {
    this.push({ kind: "class", ranges }, ranges);
  }

  private push(regex: Regex, ranges: Ranges): void {
    // Beyond ASCII a range takes a handful of byte sequences.
    const size = (ranges[ranges.length - 1] ?? 0) < 0x80 ? 1 : 16 + 2 * ranges.length;
    this.group.parts.push({ regex, size, repeats: 1, depth: 1 });
  }

  private assert(assertion: Assertion): void {
    this.group.parts.push({ regex: { kind: "assert", assertion }, size: 1, repeats: 1, depth: 1 });
  }

  private repeat(start: number, end: number, min: number, max: number, repeated: boolean): boolean {
    this.scanner.at = this.scanner.text[end] === "?" ? end + 1 : end;
    if (repeated)
      throw new RegexError(
        `invalid nested repetition operator: ${this.scanner.text.slice(start, this.scanner.at)}`,
        start,
      );
    const part = this.group.parts.pop();
    if (!part) throw new RegexError("missing argument to repetition operator", start);
    const counted = min >= 2 || max >= 2;
    const times = Math.max(max < 0 ? min : max, 1);
    const repeats = max === 0 ? 1 : counted ? times * part.repeats : part.repeats;
    if (counted && repeats > MOST_REPEAT)
      throw new RegexError(`invalid repeat count: ${this.scanner.text.slice(start, end)}`, start);
    const size = part.size * times + (max < 0 ? 1 : max - min) + 1;
    if (size > MOST_SIZE) throw new RegexError("expression too large", start);
    if (part.depth >= MOST_DEPTH) throw new RegexError("expression nests too deeply", start);
    const regex: Regex = { kind: "repeat", part: part.regex, min, max };
    this.group.parts.push({ regex, size, repeats, depth: part.depth + 1 });
    return true;
  }

  /** The parts of the current alternative as one. */
  private sequence(): Part {
    return join(this.group.parts, concat, this.scanner.at);
  }

  /** The current group as one part. */
  private closed(): Part {
    return join([...this.group.alternatives, this.sequence()], alternate, this.scanner.at);
  }

  private open(): void {
    const { flags } = this;
    const { text } = this.scanner;
    const start = this.scanner.at;
    if (!text.startsWith("(?", start)) {
      this.scanner.at++;
      this.nest(start, flags);
      return;
    }
    if (text.startsWith("(?P<", start) || text.startsWith("(?<", start)) {
      this.named(start);
      this.nest(start, flags);
      return;
    }
    const option = this.scanner.here(OPTIONS);
    if (!option)
      throw new RegexError(`invalid or unsupported Perl syntax: ${text.slice(start, start + 3)}`, start);
    this.scanner.at += option[0].length;
    if (option[3] === ":") this.nest(start, flags);
    const { fold, dotAll, lines } = flags;
    const [on = "", off = ""] = [option[1], option[2]];
    const now = (flag: string, before: boolean): boolean =>
      (before || on.includes(flag)) && !off.includes(flag);
    this.flags = { fold: now("i", fold), dotAll: now("s", dotAll), lines: now("m", lines) };
  }

  private named(start: number): void {
    const name = this.scanner.here(NAME);
    if (!name) throw new RegexError("invalid named capture", start);
    if (this.names.has(name[1]!)) throw new RegexError(`duplicate capture group name: ${name[1]}`, start);
    this.names.add(name[1]!);
    this.scanner.at += name[0].length;
  }

  private nest(at: number, flags: Flags): void {
    if (this.outer.length >= MOST_DEPTH) throw new RegexError("expression nests too deeply", at);
    this.outer.push(this.group);
    this.group = { flags, at, alternatives: [], parts: [] };
  }

  private close(): void {
    const outer = this.outer.pop();
    if (!outer) throw new RegexError("unexpected )", this.scanner.at);
    const part = this.closed();
    this.scanner.at++;
    this.flags = this.group.flags;
    this.group = outer;
    outer.parts.push(part);
  }

  private escape(): void {
    const { text } = this.scanner;
    const next = text[this.scanner.at + 1];
    const assertion = next === undefined ? undefined : ASSERTIONS.get(next);
    if (assertion !== undefined) {
      this.scanner.at += 2;
      this.assert(assertion);
      return;
    }
    if (next === "Q") {
      const found = text.indexOf("\\E", this.scanner.at + 2);
      const end = found < 0 ? text.length : found;
      this.scanner.at += 2;
      while (this.scanner.at < end) this.literal(this.scanner.character());
      this.scanner.at = found < 0 ? end : end + 2;
      return;
    }
    const named = this.scanner.classEscape(this.flags.fold);
    if (named) this.add(named);
    else this.literal(this.scanner.escaped());
  }
}

/** Parts as one. Bounds are checked here: nothing grows without passing by. */
function join(parts: readonly Part[], how: (parts: readonly Regex[]) => Regex, at: number): Part {
  const [only] = parts;
  if (!only) return NOTHING;
  if (parts.length === 1) return only;
  const size = parts.reduce((sum, part) => sum + part.size + 1, 0);
  const depth = 1 + parts.reduce((most, part) => Math.max(most, part.depth), 0);
  if (size > MOST_SIZE) throw new RegexError("expression too large", at);
  if (depth > MOST_DEPTH) throw new RegexError("expression nests too deeply", at);
  return {
    regex: how(parts.map(({ regex }) => regex)),
    size,
    depth,
    repeats: parts.reduce((most, part) => Math.max(most, part.repeats), 1),
  };
}
