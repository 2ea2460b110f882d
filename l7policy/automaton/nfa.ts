// SPDX-License-Identifier: Apache-2.0
import { SockmeshError } from "../../core/errors.js";
import type { Regex } from "../regex/syntax.js";
import { LINE_FEED, setOf, SINGLE, WORD, type ByteSet } from "./bytes.js";
import { beyondAscii } from "./utf8.js";

const MOST_STATES = 1_000_000;
const EVERY_BYTE = setOf(() => true);

/** A Thompson automaton over bytes for several patterns at once. Each pattern has a start state of its own. */
export class Nfa {
  /** Byte sets that must be told apart, each once. */
  readonly sets: ByteSet[] = [];
  /** Per state: number of the set that it consumes on the way to `next`, or -1. */
  readonly set: number[] = [];
  readonly next: number[] = [];
  /** Per state: states reached without a byte. */
  readonly free: (readonly number[] | undefined)[] = [];
  /** Per state: number of the pattern that ends here, or -1. */
  readonly accepts: number[] = [];
  /** Per state: the assertion that must hold on the way to `next`, or -1. */
  readonly asserts: number[] = [];
  /** Some pattern has an assertion. */
  hasAssertions = false;
  private readonly byObject = new Map<ByteSet, number>();
  private readonly byMembers = new Map<string, number>();
  private readonly asciiOf = new Map<readonly number[], ByteSet>();

  /**
   * @param ascii the fields hold no other bytes than ASCII: what patterns say of other characters is left out
   */
  constructor(private readonly ascii = false) {}

  /** Adds a pattern that must match a whole field, with a number of the caller's choice. Returns its start state. */
  add(pattern: Regex, number: number): number {
    return this.build(pattern, this.end(number));
  }

  /** Adds a pattern that matches every field, valid UTF-8 or not. */
  addAnything(number: number): number {
    const end = this.end(number);
    const loop = this.state();
    this.free[loop] = [this.consume(EVERY_BYTE, loop), end];
    return loop;
  }

  private end(number: number): number {
    const end = this.state();
    this.accepts[end] = number;
    return end;
  }

  private state(): number {
    if (this.next.length >= MOST_STATES)
      throw new SockmeshError("SM_POLICY_REGEX", "the patterns of one rule set are too large together");
    this.set.push(-1);
    this.next.push(-1);
    this.free.push(undefined);
    this.accepts.push(-1);
    this.asserts.push(-1);
    return this.next.length - 1;
  }

  private consume(set: ByteSet, next: number): number {
    const state = this.state();
    this.set[state] = this.setNumber(set);
    this.next[state] = next;
    return state;
  }

  private fork(to: readonly number[]): number {
    if (to.length === 1) return to[0]!;
    const state = this.state();
    this.free[state] = to;
    return state;
  }

  private setNumber(set: ByteSet): number {
    let number = this.byObject.get(set);
    if (number !== undefined) return number;
    const members = Buffer.from(set.buffer, set.byteOffset, set.length).toString("latin1");
    number = this.byMembers.get(members);
    if (number === undefined) {
      number = this.sets.length;
      this.sets.push(set);
      this.byMembers.set(members, number);
    }
    this.byObject.set(set, number);
    return number;
  }

  /** Builds backwards: returns the state that matches `pattern` and goes on at `end`. */
  private build(pattern: Regex, end: number): number {
    switch (pattern.kind) {
      case "empty":
        return end;
      case "class":
        return this.buildClass(pattern.ranges, end);
      case "concat":
        return pattern.parts.reduceRight((after, part) => this.build(part, after), end);
      case "alternate":
        return this.fork(pattern.parts.map((part) => this.build(part, end)));
      case "assert": {
        const state = this.state();
        this.asserts[state] = pattern.assertion;
        this.hasAssertions = true;
        this.next[state] = end;
        // Words and lines begin and end between bytes of different kinds.
        this.setNumber(WORD);
        this.setNumber(LINE_FEED);
        return state;
      }
      case "repeat": {
        const { part, min, max } = pattern;
        let after = end;
        if (max < 0) {
          const loop = this.state();
          this.free[loop] = [this.build(part, loop), end];
          after = loop;
        } else for (let i = min; i < max; i++) after = this.fork([this.build(part, after), end]);
        for (let i = 0; i < min; i++) after = this.build(part, after);
        return after;
      }
    }
  }

  private buildClass(ranges: readonly number[], end: number): number {
    const [lo, hi] = ranges;
    if (lo === hi && lo !== undefined && lo < 0x80 && ranges.length === 2)
      return this.consume(SINGLE[lo]!, end);
    const starts: number[] = [];
    if (lo !== undefined && lo < 0x80) starts.push(this.consume(this.asciiSet(ranges), end));
    if (!this.ascii && ranges.length > 0 && ranges[ranges.length - 1]! >= 0x80)
      starts.push(...this.buildBeyond(ranges, end));
    return this.fork(starts);
  }

  private asciiSet(ranges: readonly number[]): ByteSet {
    let set = this.asciiOf.get(ranges);
    if (!set) {
      const members = new Uint8Array(256);
      for (let i = 0; i < ranges.length && ranges[i]! < 0x80; i += 2)
        members.fill(1, ranges[i], Math.min(ranges[i + 1]!, 0x7f) + 1);
      set = members;
      this.asciiOf.set(ranges, set);
    }
    return set;
  }

  /** States for the characters beyond ASCII; equal endings of their encodings are shared. */
  private buildBeyond(ranges: readonly number[], end: number): number[] {
    const endings = new Map<string, number>();
    const firsts = new Map<number, Uint8Array>();
    for (const run of beyondAscii(ranges)) {
      let after = end;
      for (let at = run.length - 2; at > 0; at -= 2) {
        const key = `${run[at]} ${run[at + 1]} ${after}`;
        let state = endings.get(key);
        if (state === undefined) {
          state = this.consume(rangeSet(run[at]!, run[at + 1]!), after);
          endings.set(key, state);
        }
        after = state;
      }
      let first = firsts.get(after);
      if (!first) firsts.set(after, (first = new Uint8Array(256)));
      first.fill(1, run[0], run[1]! + 1);
    }
    return [...firsts].map(([after, first]) => this.consume(first, after));
  }
}

const rangeSets = new Map<number, ByteSet>();

function rangeSet(lo: number, hi: number): ByteSet {
  const key = lo * 256 + hi;
  let set = rangeSets.get(key);
  if (!set) rangeSets.set(key, (set = setOf((byte) => byte >= lo && byte <= hi)));
  return set;
}
