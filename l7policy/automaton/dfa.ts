// SPDX-License-Identifier: Apache-2.0
import type { ByteClasses } from "./bytes.js";
import type { Nfa } from "./nfa.js";

/** The state from which nothing matches. */
export const DEAD = -1;
/** A transition that has not been asked for. */
const UNKNOWN = -2;
const NONE = new Int32Array(0);

/**
 * Subset construction: states of the DFA are sets of NFA states, made when they are first reached and then kept. The
 * owner watches `size` and `work` and decides when it is enough.
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
  private readonly known = new Map<string, number>();
  /** Per set of the NFA and class: 1 when the class lies in the set. */
  private readonly covers: Uint8Array;
  private readonly mark: Int32Array;
  private marks = 0;

  constructor(
    private readonly nfa: Nfa,
    readonly classes: ByteClasses,
  ) {
    this.covers = new Uint8Array(nfa.sets.length * classes.count);
    nfa.sets.forEach((set, at) => {
      for (let c = 0; c < classes.count; c++)
        this.covers[at * classes.count + c] = set[classes.sample[c]!] ?? 0;
    });
    this.mark = new Int32Array(nfa.next.length);
  }

  /** States made. */
  get size(): number {
    return this.members.length;
  }

  /** The state before the first byte when any of these NFA states may begin; DEAD for none. */
  start(states: readonly number[]): number {
    return states.length === 0 ? DEAD : this.stateOf(states);
  }

  /** Numbers of the patterns that match when the field ends in a state, ascending; shared, do not change it. */
  accepts(state: number): Int32Array {
    return this.accepted[state] ?? NONE;
  }

  /** NFA states that a state stands for. */
  membersOf(state: number): readonly number[] {
    return [...(this.members[state] ?? NONE)];
  }

  /** The state behind a byte of a class. */
  step(state: number, byteClass: number): number {
    const at = state * this.classes.count + byteClass;
    const known = this.next[at] ?? UNKNOWN;
    if (known !== UNKNOWN) return known;
    const reached = this.reach(state, byteClass);
    const next = reached.length === 0 ? DEAD : this.stateOf(reached);
    this.next[at] = next;
    return next;
  }

  /** Fills all transitions of a state; cheaper than one by one where many classes lead to the same state. */
  expand(state: number): void {
    const { count } = this.classes;
    const found: { reached: readonly number[]; next: number }[] = [];
    for (let c = 0; c < count; c++) {
      if (this.next[state * count + c] !== UNKNOWN) continue;
      const reached = this.reach(state, c);
      let next = DEAD;
      if (reached.length > 0) {
        const same = found.find((one) => equal(one.reached, reached));
        next = same?.next ?? this.stateOf(reached);
        if (!same) found.push({ reached, next });
      }
      this.next[state * count + c] = next;
    }
  }

  private reach(state: number, byteClass: number): number[] {
    const { nfa, covers } = this;
    const { count } = this.classes;
    const members = this.members[state]!;
    const reached: number[] = [];
    this.work += members.length;
    for (let i = 0; i < members.length; i++) {
      const set = nfa.set[members[i]!]!;
      if (set >= 0 && covers[set * count + byteClass] === 1) reached.push(nfa.next[members[i]!]!);
    }
    return reached;
  }

  /** The state of all that is reached from some NFA states without a byte. */
  private stateOf(from: readonly number[]): number {
    const { nfa, mark } = this;
    const round = ++this.marks;
    const stack: number[] = [];
    const kept: number[] = [];
    let accepts: number[] | undefined;
    for (const one of from)
      if (mark[one] !== round) {
        mark[one] = round;
        stack.push(one);
      }
    for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
      this.work++;
      if (nfa.set[state]! >= 0) kept.push(state);
      else if (nfa.accepts[state]! >= 0) {
        kept.push(state);
        (accepts ??= []).push(nfa.accepts[state]!);
      } else
        for (const next of nfa.free[state] ?? [])
          if (mark[next] !== round) {
            mark[next] = round;
            stack.push(next);
          }
    }
    const members = Int32Array.from(kept);
    if (kept.length > 1) members.sort();
    const key = Buffer.from(members.buffer).toString("latin1");
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const state = this.members.length;
    this.members.push(members);
    this.accepted.push(accepts ? Int32Array.from(new Set(accepts)).sort() : NONE);
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

function equal(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** What the states of one lazily made automaton may hold before they are forgotten. */
const MOST_BYTES = 16 * 1024 * 1024;

/**
 * Runs an NFA with the speed of a DFA, within bounds: states are made on the way and kept; when they hold too much, all
 * are forgotten. Linear in the field whatever the patterns.
 */
export class LazyDfa {
  private subsets: Subsets;
  private readonly starts: (readonly number[])[] = [];
  private startStates: number[] = [];

  constructor(
    private readonly nfa: Nfa,
    private readonly classes: ByteClasses,
  ) {
    this.subsets = new Subsets(nfa, classes);
  }

  /** Registers a set of NFA states to start from; returns its number. */
  addStart(states: readonly number[]): number {
    this.starts.push(states);
    return this.starts.length - 1;
  }

  /** Numbers of the patterns that match bytes [from, to) in full; a shared array, do not change it. */
  run(start: number, bytes: Uint8Array, from: number, to: number): Int32Array {
    const { of, count } = this.classes;
    let state = (this.startStates[start] ??= this.subsets.start(this.starts[start] ?? []));
    for (let i = from; i < to && state !== DEAD; i++) {
      const c = of[bytes[i]!]!;
      let next = this.subsets.next[state * count + c]!;
      if (next === UNKNOWN) {
        next = this.subsets.step(state, c);
        if (this.subsets.bytes > MOST_BYTES && next !== DEAD) next = this.forget(next);
      }
      state = next;
    }
    return this.subsets.accepts(state);
  }

  private forget(keep: number): number {
    const members = this.subsets.membersOf(keep);
    this.subsets = new Subsets(this.nfa, this.classes);
    this.startStates = [];
    return this.subsets.start(members);
  }
}
