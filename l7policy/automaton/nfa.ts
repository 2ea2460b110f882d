// SPDX-License-Identifier: Apache-2.0
import { SockmeshError } from "../../core/errors.js";
import type { ByteSet } from "./bytes.js";
import type { Node } from "./syntax.js";

const MOST_STATES = 1_000_000;

/** A Thompson automaton over bytes for several patterns at once. Each pattern has a start state of its own. */
export class Nfa {
  /** Byte sets of the transitions, each once. */
  readonly sets: ByteSet[] = [];
  /** Per state: number of the set that it consumes on the way to `next`, or -1. */
  readonly set: number[] = [];
  readonly next: number[] = [];
  /** Per state: states reached without a byte. */
  readonly free: (readonly number[] | undefined)[] = [];
  /** Per state: number of the pattern that ends here, or -1. */
  readonly accepts: number[] = [];
  private readonly byObject = new Map<ByteSet, number>();
  private readonly byMembers = new Map<string, number>();

  /** Adds a pattern that must match a whole field, with a number of the caller's choice. Returns its start state. */
  add(pattern: Node, number: number): number {
    const end = this.state();
    this.accepts[end] = number;
    return this.build(pattern, end);
  }

  private state(): number {
    if (this.next.length >= MOST_STATES)
      throw new SockmeshError("SM_POLICY_REGEX", "the patterns of one rule set are too large together");
    this.set.push(-1);
    this.next.push(-1);
    this.free.push(undefined);
    this.accepts.push(-1);
    return this.next.length - 1;
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

  /** Builds backwards: returns the state that matches `node` and goes on at `end`. */
  private build(node: Node, end: number): number {
    switch (node.op) {
      case "empty":
        return end;
      case "bytes": {
        const state = this.state();
        this.set[state] = this.setNumber(node.set);
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
