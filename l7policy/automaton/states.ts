// SPDX-License-Identifier: Apache-2.0
import { SockmeshError } from "../../core/errors.js";
import { LINE_FEED, WORD, type ByteSet } from "./bytes.js";

const MOST_STATES = 1_000_000;

/** States of a nondeterministic automaton over bytes, as columns. States are only ever added. */
export class States {
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

  protected state(set: number, next: number): number {
    if (this.next.length >= MOST_STATES)
      throw new SockmeshError("SM_POLICY_REGEX", "the patterns of one rule set are too large together");
    this.set.push(set);
    this.next.push(next);
    this.free.push(undefined);
    this.accepts.push(-1);
    this.asserts.push(-1);
    return this.next.length - 1;
  }

  protected setNumber(set: ByteSet): number {
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

  protected makeAssertion(assertion: number, next: number): number {
    const state = this.state(-1, next);
    this.asserts[state] = assertion;
    this.hasAssertions = true;
    // Words and lines begin and end between bytes of different kinds.
    this.setNumber(WORD);
    this.setNumber(LINE_FEED);
    return state;
  }
}

/**
 * Patterns without their numbers: equal rests of patterns are one state. Where one pattern alone is left, its rest is
 * all that matters.
 */
export class SharedNfa extends States {
  /** The state in which every pattern ends. */
  readonly end: number;
  private readonly consumers = new Map<number, number>();
  private readonly others = new Map<string, number>();

  constructor() {
    super();
    this.end = this.state(-1, -1);
    this.accepts[this.end] = 0;
  }

  /** The state that consumes a byte of a set in front of `next`. */
  consume(set: ByteSet, next: number): number {
    const key = this.setNumber(set) * MOST_STATES + next;
    let state = this.consumers.get(key);
    if (state === undefined) this.consumers.set(key, (state = this.state(this.setNumber(set), next)));
    return state;
  }

  /** The state that goes on in any of these. */
  fork(to: readonly number[]): number {
    return this.known(`fork ${to.join()}`, () => {
      const state = this.state(-1, -1);
      this.free[state] = to;
      return state;
    });
  }

  /** The state that goes on at `next` where an assertion holds. */
  assertion(assertion: number, next: number): number {
    return this.known(`assert ${assertion} ${next}`, () => this.makeAssertion(assertion, next));
  }

  /** The loop of a part of a shape, in front of `end`; `closeLoop` completes it. */
  loop(shape: string, end: number): number {
    return this.known(`loop ${end} ${shape}`, () => this.state(-1, -1));
  }

  closeLoop(loop: number, to: readonly number[]): void {
    this.free[loop] ??= to;
  }

  private known(key: string, make: () => number): number {
    let state = this.others.get(key);
    if (state === undefined) this.others.set(key, (state = make()));
    return state;
  }
}
