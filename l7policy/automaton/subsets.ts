// SPDX-License-Identifier: Apache-2.0
import { Assertion } from "../regex/syntax.js";
import { LINE_FEED, WORD, type ByteClasses } from "./bytes.js";
import type { Nfa } from "./nfa.js";

/** The state from which nothing matches. */
export const DEAD = -1;
/** A transition that has not been asked for. */
export const UNKNOWN = -2;
const NONE = new Int32Array(0);

/** What stands on one side of a place in the field, as far as assertions can tell. */
const Side = { edge: 0, lineFeed: 1, word: 2, other: 3 } as const;
/** Assertions are left open. */
const OPEN = -1;

/**
 * Subset construction: states of the DFA are sets of NFA states, made when they are first reached and then kept. The
 * owner watches `size` and `work` and decides when it is enough.
 *
 * An assertion needs the byte behind it: a set keeps the assertions that it has reached, with what stands before them,
 * and they are decided with the next byte or the end of the field.
 */
export class Subsets {
  /** NFA states looked at so far: the measure of time that does not depend on the machine. */
  work = 0;
  /** Bytes held, roughly. */
  bytes = 0;
  /** Per state and class: the next state, DEAD or UNKNOWN. */
  next = new Int32Array(0);
  private readonly members: Int32Array[] = [];
  private readonly accepted: Int32Array[] = [];
  /** Per state: what stands before it when assertions wait in it, else OPEN. */
  private readonly before: number[] = [];
  private readonly known = new Map<string, number>();
  /** Per set of the NFA and class: 1 when the class lies in the set. */
  private readonly covers: Uint8Array;
  /** What each class is to assertions. */
  private readonly sides: Uint8Array;
  private readonly mark: Int32Array;
  private marks = 0;

  constructor(
    private readonly nfa: Nfa,
    readonly classes: ByteClasses,
  ) {
    const { count, sample } = classes;
    this.covers = new Uint8Array(nfa.sets.length * count);
    nfa.sets.forEach((set, at) => {
      for (let c = 0; c < count; c++) this.covers[at * count + c] = set[sample[c]!]!;
    });
    this.sides = sample.map((byte) =>
      LINE_FEED[byte] === 1 ? Side.lineFeed : WORD[byte] === 1 ? Side.word : Side.other,
    );
    this.mark = new Int32Array(nfa.next.length);
  }

  /** States made. */
  get size(): number {
    return this.members.length;
  }

  /** The state before the first byte when any of these NFA states may begin; DEAD for none. */
  start(states: readonly number[]): number {
    return states.length === 0 ? DEAD : this.stateOf(states, Side.edge);
  }

  /** Numbers of the patterns that match when the field ends in a state, ascending; shared, do not change it. */
  accepts(state: number): Int32Array {
    return this.accepted[state] ?? NONE;
  }

  /** The first NFA state that a state stands for. */
  least(state: number): number {
    return this.members[state]?.[0] ?? -1;
  }

  /** The same state in other subsets of the same automaton. */
  moveTo(other: Subsets, state: number): number {
    return other.stateOf([...this.members[state]!], Math.max(this.before[state]!, Side.edge));
  }

  /** The state behind a byte of a class. */
  step(state: number, byteClass: number): number {
    const at = state * this.classes.count + byteClass;
    const known = this.next[at] ?? UNKNOWN;
    if (known !== UNKNOWN) return known;
    const side = this.sides[byteClass]!;
    const reached = this.reach(this.ready(state, side), byteClass);
    const next = reached.length === 0 ? DEAD : this.stateOf(reached, side);
    this.next[at] = next;
    return next;
  }

  /** Fills all transitions of a state; cheaper than one by one where many classes lead to the same state. */
  expand(state: number): void {
    const { count } = this.classes;
    const found: { reached: readonly number[]; side: number; next: number }[] = [];
    const ready: (Int32Array | readonly number[] | undefined)[] = [];
    for (let c = 0; c < count; c++) {
      if (this.next[state * count + c] !== UNKNOWN) continue;
      const side = this.before[state] === OPEN && !this.nfa.hasAssertions ? OPEN : this.sides[c]!;
      const members = (ready[side + 1] ??= this.ready(state, side));
      const reached = this.reach(members, c);
      let next = DEAD;
      if (reached.length > 0) {
        const same = found.find((one) => one.side === side && equal(one.reached, reached));
        next = same?.next ?? this.stateOf(reached, side);
        if (!same) found.push({ reached, side, next });
      }
      this.next[state * count + c] = next;
    }
  }

  /** NFA states that may consume a byte of a kind. */
  private ready(state: number, side: number): Int32Array | readonly number[] {
    const members = this.members[state]!;
    return this.before[state] === OPEN ? members : this.closure(members, this.before[state]!, side).kept;
  }

  private reach(members: Int32Array | readonly number[], byteClass: number): number[] {
    const { nfa, covers } = this;
    const { count } = this.classes;
    const reached: number[] = [];
    this.work += members.length;
    for (let i = 0; i < members.length; i++) {
      const set = nfa.set[members[i]!]!;
      if (set >= 0 && covers[set * count + byteClass] === 1) reached.push(nfa.next[members[i]!]!);
    }
    return reached;
  }

  /** NFA states that consume, accept or wait, reached without a byte. With `behind` given, assertions are decided. */
  private closure(
    from: ArrayLike<number>,
    before: number,
    behind: number,
  ): { kept: number[]; accepts: number[]; waits: boolean } {
    const { nfa, mark } = this;
    const round = ++this.marks;
    const stack: number[] = [];
    const kept: number[] = [];
    const accepts: number[] = [];
    let waits = false;
    const visit = (state: number): void => {
      if (mark[state] === round) return;
      mark[state] = round;
      stack.push(state);
    };
    for (let i = 0; i < from.length; i++) visit(from[i]!);
    for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
      this.work++;
      const assertion = nfa.asserts[state]!;
      if (assertion >= 0) {
        if (behind === OPEN) {
          kept.push(state);
          waits = true;
        } else if (holds(assertion as Assertion, before, behind)) visit(nfa.next[state]!);
      } else if (nfa.set[state]! >= 0) kept.push(state);
      else if (nfa.accepts[state]! >= 0) {
        kept.push(state);
        accepts.push(nfa.accepts[state]!);
      } else {
        const free = nfa.free[state];
        if (free) for (let i = 0; i < free.length; i++) visit(free[i]!);
      }
    }
    return { kept, accepts, waits };
  }

  /** The state of all that is reached from some NFA states without a byte. */
  private stateOf(from: readonly number[], before: number): number {
    const { kept, accepts, waits } = this.closure(from, before, OPEN);
    const members = Int32Array.from(kept);
    if (kept.length > 1) members.sort();
    const key = Buffer.from(members.buffer).toString("latin1") + (waits ? String(before) : "");
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const state = this.members.length;
    const accepted = waits ? this.closure(members, before, Side.edge).accepts : accepts;
    this.members.push(members);
    this.before.push(waits ? before : OPEN);
    this.accepted.push(accepted.length > 0 ? Int32Array.from(new Set(accepted)).sort() : NONE);
    this.known.set(key, state);
    this.bytes += members.length * 8 + this.classes.count * 4 + 200;
    this.grow();
    return state;
  }

  private grow(): void {
    const { count } = this.classes;
    const needed = this.members.length * count;
    if (needed > this.next.length) {
      const next = new Int32Array(Math.max(needed * 2, 64 * count)).fill(UNKNOWN);
      next.set(this.next);
      this.next = next;
    }
  }
}

function holds(assertion: Assertion, before: number, behind: number): boolean {
  switch (assertion) {
    case Assertion.beginText:
      return before === Side.edge;
    case Assertion.endText:
      return behind === Side.edge;
    case Assertion.beginLine:
      return before === Side.edge || before === Side.lineFeed;
    case Assertion.endLine:
      return behind === Side.edge || behind === Side.lineFeed;
    case Assertion.wordBoundary:
      return (before === Side.word) !== (behind === Side.word);
    case Assertion.noWordBoundary:
      return (before === Side.word) === (behind === Side.word);
  }
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
