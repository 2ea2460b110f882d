// SPDX-License-Identifier: Apache-2.0
import { SockmeshError } from "../../core/errors.js";
import { LINE_FEED, WORD, type ByteSet } from "./bytes.js";

const MOST_STATES = 2_000_000;

/** What a state does when it consumes no byte; see {@link States}. */
export const [ACCEPTS, FORKS, ASSERTS] = [-1, -2, -3];
/** Of a loop that is not closed yet. */
const OPEN = -1;

/**
 * States of a nondeterministic automaton over bytes, as columns. States are only ever added; columns grow, so they are to
 * be read anew after that.
 */
export class States {
  /** States made. */
  size = 0;
  /** Byte sets that must be told apart, each once. */
  readonly sets: ByteSet[] = [];
  /** Per state: number of the set that it consumes, or ACCEPTS, FORKS, or ASSERTS less the assertion. */
  set: Int32Array = new Int32Array(64);
  /** Per state: where it goes on; of one that accepts the pattern's number, of a fork its place in `forks`. */
  next: Int32Array = new Int32Array(64);
  /** Where forks go on, without a byte. */
  readonly forks: (readonly number[])[] = [];
  /** Some pattern has an assertion. */
  hasAssertions = false;
  private readonly byObject = new Map<ByteSet, number>();
  private readonly byMembers = new Map<string, number>();

  protected state(set: number, next: number): number {
    if (this.size >= MOST_STATES)
      throw new SockmeshError("SM_POLICY_REGEX", "the patterns of one rule set are too large together");
    if (this.size === this.set.length) this.widen();
    this.set[this.size] = set;
    this.next[this.size] = next;
    return this.size++;
  }

  /** Makes the columns longer. */
  protected widen(): void {
    this.set = longer(this.set);
    this.next = longer(this.next);
  }

  protected makeFork(to: readonly number[]): number {
    this.forks.push(to);
    return this.state(FORKS, this.forks.length - 1);
  }

  /** A fork whose ways are to come. */
  protected makeLoop(): number {
    return this.state(FORKS, OPEN);
  }

  /** Gives a loop its ways, unless it has them. */
  protected complete(loop: number, to: readonly number[]): void {
    if (this.next[loop] !== OPEN) return;
    this.forks.push(to);
    this.next[loop] = this.forks.length - 1;
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
    this.hasAssertions = true;
    // Words and lines begin and end between bytes of different kinds.
    this.setNumber(WORD);
    this.setNumber(LINE_FEED);
    return this.state(ASSERTS - assertion, next);
  }
}

/** A column with room for as many more. */
export function longer(column: Int32Array): Int32Array {
  const out = new Int32Array(column.length * 2);
  out.set(column);
  return out;
}

/**
 * Patterns without their numbers: equal rests of patterns are one state. Where one pattern alone is left, its rest is
 * all that matters.
 */
export class SharedNfa extends States {
  /** The state in which every pattern ends. */
  readonly end: number;
  /** By set, then by what they go on with. */
  private readonly consumers: Map<number, number>[] = [];
  private readonly others = new Map<string, number>();

  constructor() {
    super();
    this.end = this.state(ACCEPTS, 0);
  }

  /** The state that consumes a byte of a set in front of `next`. */
  consume(set: ByteSet, next: number): number {
    const number = this.setNumber(set);
    const known = (this.consumers[number] ??= new Map());
    let state = known.get(next);
    if (state === undefined) known.set(next, (state = this.state(number, next)));
    return state;
  }

  /** The state that goes on in any of these. */
  fork(to: readonly number[]): number {
    return this.known(`fork ${to.join()}`, () => this.makeFork(to));
  }

  /** The state that goes on at `next` where an assertion holds. */
  assertion(assertion: number, next: number): number {
    return this.known(`assert ${assertion} ${next}`, () => this.makeAssertion(assertion, next));
  }

  /** The loop of a part of a shape, in front of `end`; `closeLoop` completes it. */
  loop(shape: string, end: number): number {
    return this.known(`loop ${end} ${shape}`, () => this.makeLoop());
  }

  closeLoop(loop: number, to: readonly number[]): void {
    this.complete(loop, to);
  }

  private known(key: string, make: () => number): number {
    let state = this.others.get(key);
    if (state === undefined) this.others.set(key, (state = make()));
    return state;
  }
}
