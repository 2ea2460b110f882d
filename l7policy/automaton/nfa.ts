// SPDX-License-Identifier: Apache-2.0
import { shapeOf } from "../regex/shape.js";
import type { Regex } from "../regex/syntax.js";
import { rangeSet, setOf, SINGLE, type ByteSet } from "./bytes.js";
import { ACCEPTS, longer, SharedNfa, States } from "./states.js";
import { beyondAscii } from "./utf8.js";

const EVERY_BYTE = setOf(() => true);

/** A Thompson automaton for several patterns at once. Each pattern has a start state of its own, and a number. */
export class Nfa extends States {
  /** Per state: number of the pattern that it belongs to. */
  owner: Int32Array = new Int32Array(64);
  /** Per state: the state of `shared` that goes on in the same way. */
  twin: Int32Array = new Int32Array(64);
  /** The same patterns without numbers, when it was asked for. */
  readonly shared: SharedNfa | undefined;
  private readonly asciiOf = new Map<readonly number[], ByteSet>();
  private number = 0;

  /**
   * @param options.ascii the fields hold no other bytes than ASCII: what patterns say of other characters is left out
   * @param options.shared keep `shared`
   */
  constructor(private readonly options: { readonly ascii?: boolean; readonly shared?: boolean } = {}) {
    super();
    if (options.shared) this.shared = new SharedNfa();
  }

  /**
   * Adds a pattern that must match a whole field, with a number of the caller's choice. Returns its start state.
   * @param around what may stand around it: any bytes, valid UTF-8 or not
   */
  add(
    pattern: Regex,
    number: number,
    around: { readonly before?: boolean; readonly after?: boolean } = {},
  ): number {
    const end = this.end(number);
    const start = this.build(pattern, around.after ? this.anything(end) : end);
    return around.before ? this.anything(start) : start;
  }

  private anything(end: number): number {
    const loop = this.openLoop("anything", end);
    return this.closeLoop(loop, [this.consume(EVERY_BYTE, loop), end]);
  }

  private own(state: number, twin: number): number {
    this.owner[state] = this.number;
    this.twin[state] = twin;
    return state;
  }

  protected override widen(): void {
    super.widen();
    this.owner = longer(this.owner);
    this.twin = longer(this.twin);
  }

  private end(number: number): number {
    this.number = number;
    return this.own(this.state(ACCEPTS, number), this.shared?.end ?? 0);
  }

  private consume(set: ByteSet, next: number): number {
    const twin = this.shared?.consume(set, this.twin[next]!) ?? 0;
    return this.own(this.state(this.setNumber(set), next), twin);
  }

  private fork(to: readonly number[]): number {
    if (to.length === 1) return to[0]!;
    const twin = this.shared?.fork(to.map((state) => this.twin[state]!)) ?? 0;
    return this.own(this.makeFork(to), twin);
  }

  private assertion(assertion: number, next: number): number {
    const twin = this.shared?.assertion(assertion, this.twin[next]!) ?? 0;
    return this.own(this.makeAssertion(assertion, next), twin);
  }

  private openLoop(shape: string, end: number): number {
    return this.own(this.makeLoop(), this.shared?.loop(shape, this.twin[end]!) ?? 0);
  }

  private closeLoop(loop: number, to: readonly number[]): number {
    this.complete(loop, to);
    this.shared?.closeLoop(
      this.twin[loop]!,
      to.map((state) => this.twin[state]!),
    );
    return loop;
  }

  /** Builds backwards: returns the state that matches `pattern` and goes on at `end`. */
  private build(pattern: Regex, end: number): number {
    switch (pattern.kind) {
      case "empty":
        return end;
      case "class":
        return this.buildClass(pattern.ranges, end);
      case "concat": {
        let after = end;
        for (let i = pattern.parts.length - 1; i >= 0; i--) after = this.build(pattern.parts[i]!, after);
        return after;
      }
      case "alternate":
        return this.fork(pattern.parts.map((part) => this.build(part, end)));
      case "assert":
        return this.assertion(pattern.assertion, end);
      case "repeat": {
        const { part, min, max } = pattern;
        let after = end;
        if (max < 0) {
          const loop = this.openLoop(this.shared ? shapeOf(part) : "", end);
          after = this.closeLoop(loop, [this.build(part, loop), end]);
        } else for (let i = min; i < max; i++) after = this.fork([this.build(part, after), end]);
        for (let i = 0; i < min; i++) after = this.build(part, after);
        return after;
      }
    }
  }

  private buildClass(ranges: readonly number[], end: number): number {
    const [lo, hi] = ranges;
    if (lo !== undefined && lo === hi && lo < 0x80 && ranges.length === 2)
      return this.consume(SINGLE[lo]!, end);
    const starts: number[] = [];
    if (lo !== undefined && lo < 0x80) starts.push(this.consume(this.asciiSet(ranges), end));
    if (!this.options.ascii && ranges.length > 0 && ranges[ranges.length - 1]! >= 0x80)
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
