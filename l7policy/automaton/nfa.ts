// SPDX-License-Identifier: Apache-2.0
import { SockmeshError } from "../../core/errors.js";
import type { ByteSet, Node } from "./syntax.js";

const MOST_STATES = 200_000;

/** A Thompson automaton over bytes for several patterns at once. State 0 is the start. */
export class Nfa {
  /** Per state: bytes that it consumes on the way to `next`, or undefined. */
  readonly sets: (ByteSet | undefined)[] = [];
  readonly next: number[] = [];
  /** Per state: states reached without a byte. */
  readonly free: number[][] = [];
  /** Per state: the pattern that ends here, -1 none. */
  readonly accepts: number[] = [];

  constructor() {
    this.state();
  }

  /** Adds a pattern that must match the whole text; its number is given by the caller. */
  add(pattern: Node, number: number): void {
    const end = this.state();
    this.accepts[end] = number;
    this.free[0]?.push(this.build(pattern, end));
  }

  private state(): number {
    if (this.next.length >= MOST_STATES)
      throw new SockmeshError("SM_POLICY_REGEX", "the patterns of one rule set are too large together");
    this.sets.push(undefined);
    this.next.push(-1);
    this.free.push([]);
    this.accepts.push(-1);
    return this.next.length - 1;
  }

  /** Builds backwards: returns the state that matches `node` and goes on at `end`. */
  private build(node: Node, end: number): number {
    switch (node.op) {
      case "empty":
        return end;
      case "bytes": {
        const state = this.state();
        this.sets[state] = node.set;
        this.next[state] = end;
        return state;
      }
      case "cat":
        return node.of.reduceRight((after, part) => this.build(part, after), end);
      case "alt": {
        const state = this.state();
        this.free[state] = node.of.map((part) => this.build(part, end));
        return state;
      }
      case "repeat": {
        let after = end;
        if (node.max === Infinity) {
          const loop = this.state();
          this.free[loop] = [this.build(node.of, loop), end];
          after = loop;
        } else
          for (let i = node.min; i < node.max; i++) {
            const skip = this.state();
            this.free[skip] = [this.build(node.of, after), end];
            after = skip;
          }
        for (let i = 0; i < node.min; i++) after = this.build(node.of, after);
        return after;
      }
    }
  }
}
