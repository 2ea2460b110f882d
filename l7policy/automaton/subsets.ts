// SPDX-License-Identifier: Apache-2.0
import { Assertion } from "../regex/syntax.js";
import { LINE_FEED, WORD, type ByteClasses } from "./bytes.js";
import { ACCEPTS, ASSERTS, FORKS, type States } from "./states.js";

/** The state from which nothing matches. */
export const DEAD = -1;
/** A transition that has not been asked for. */
export const UNKNOWN = -2;
const NONE = new Int32Array(0);

/** What stands on one side of a place in the field, as far as assertions can tell. */
const Side = { edge: 0, lineFeed: 1, word: 2, other: 3 } as const;
/** Sides that a byte can be. */
const SIDES = [Side.lineFeed, Side.word, Side.other];
/** Assertions are left open. */
const OPEN = -1;
/** Classes that are looked back at for equal successors. */
const MOST_COMPARED = 32;

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
  /** Per set of the automaton: the classes that lie in it. */
  private readonly covered: Uint8Array[] = [];
  /** What each class is to assertions. */
  private readonly sides: Uint8Array;
  /** While a state is expanded: what each class leads to, and the classes that lead anywhere. */
  private readonly buckets: number[][];
  private readonly used: number[] = [];
  private readonly expanded: boolean[] = [];
  private mark = new Int32Array(0);
  private marks = 0;

  /** @param nfa may grow later: states that are made then see what it has become */
  constructor(
    private readonly nfa: States,
    readonly classes: ByteClasses,
  ) {
    this.sides = classes.sample.map((byte) =>
      LINE_FEED[byte] === 1 ? Side.lineFeed : WORD[byte] === 1 ? Side.word : Side.other,
    );
    this.buckets = Array.from({ length: classes.count }, () => []);
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

  /** What all NFA states that a state stands for have in common; -1 when they differ. */
  common(state: number, of: ArrayLike<number>): number {
    const members = this.members[state]!;
    const value = of[members[0]!]!;
    for (let i = 1; i < members.length; i++) if (of[members[i]!] !== value) return -1;
    return value;
  }

  /** The state of other subsets that stands for the same; NFA states by other numbers when `names` is given. */
  moveTo(other: Subsets, state: number, names?: ArrayLike<number>): number {
    const members = Array.from(this.members[state]!);
    const before = Math.max(this.before[state]!, Side.edge);
    return other.stateOf(names ? members.map((member) => names[member]!) : members, before);
  }

  /** The state behind a byte of a class. */
  step(state: number, byteClass: number): number {
    const at = state * this.classes.count + byteClass;
    const known = this.next[at] ?? UNKNOWN;
    if (known !== UNKNOWN) return known;
    const side = this.sides[byteClass]!;
    const members = this.ready(state, side);
    const reached: number[] = [];
    this.work += members.length;
    for (let i = 0; i < members.length; i++) {
      const set = this.nfa.set[members[i]!]!;
      if (set >= 0 && this.nfa.sets[set]![this.classes.sample[byteClass]!] === 1)
        reached.push(this.nfa.next[members[i]!]!);
    }
    const next = reached.length === 0 ? DEAD : this.stateOf(reached, side);
    this.next[at] = next;
    return next;
  }

  /** Fills all transitions of a state; cheaper than one by one. */
  expand(state: number): void {
    if (this.expanded[state]) return;
    this.expanded[state] = true;
    const { buckets, used } = this;
    const base = state * this.classes.count;
    this.next.fill(DEAD, base, base + this.classes.count);
    used.length = 0;
    if (this.before[state] === OPEN) this.distribute(this.members[state]!, OPEN);
    else for (const side of SIDES) this.distribute(this.ready(state, side), side);
    for (let u = 0; u < used.length; u++) {
      const like = this.likeEarlier(u);
      const to = like < 0 ? this.stateOf(buckets[used[u]!]!, this.sides[used[u]!]!) : this.next[base + like]!;
      // The array may be another one since: a new state makes it grow.
      this.next[base + used[u]!] = to;
    }
    for (const c of used) buckets[c]!.length = 0;
  }

  /** An earlier class in `used` that leads to the same NFA states as the u-th, -1 none. */
  private likeEarlier(u: number): number {
    const { buckets, used, sides } = this;
    const reached = buckets[used[u]!]!;
    const told = this.nfa.hasAssertions;
    for (let e = Math.max(0, u - MOST_COMPARED); e < u; e++) {
      const other = buckets[used[e]!]!;
      if (other.length !== reached.length || other[0] !== reached[0]) continue;
      if (told && sides[used[e]!] !== sides[used[u]!]) continue;
      if (equal(other, reached)) return used[e]!;
    }
    return -1;
  }

  /** Puts what each class leads to into its bucket; with `side` given, of classes of that side. */
  private distribute(members: ArrayLike<number>, side: number): void {
    const { nfa, buckets, sides, used } = this;
    for (let i = 0; i < members.length; i++) {
      const set = nfa.set[members[i]!]!;
      if (set < 0) continue;
      const classes = this.covered[set] ?? this.cover(set);
      const next = nfa.next[members[i]!]!;
      this.work += classes.length;
      for (let k = 0; k < classes.length; k++) {
        const c = classes[k]!;
        if (side !== OPEN && sides[c] !== side) continue;
        const bucket = buckets[c]!;
        if (bucket.length === 0) used.push(c);
        bucket.push(next);
      }
    }
  }

  private cover(set: number): Uint8Array {
    const { sample } = this.classes;
    const members = this.nfa.sets[set]!;
    const classes = Uint8Array.from(Array.from(sample.keys()).filter((c) => members[sample[c]!] === 1));
    this.covered[set] = classes;
    return classes;
  }

  /** NFA states that may consume a byte of a kind. */
  private ready(state: number, side: number): ArrayLike<number> {
    const members = this.members[state]!;
    return this.before[state] === OPEN ? members : this.closure(members, this.before[state]!, side).kept;
  }

  /** NFA states that consume, accept or wait, reached without a byte. With `behind` given, assertions are decided. */
  private closure(
    from: ArrayLike<number>,
    before: number,
    behind: number,
  ): { kept: number[]; accepts: number[]; waits: boolean } {
    const { nfa } = this;
    if (this.mark.length < nfa.size) this.mark = new Int32Array(nfa.size * 2);
    const { mark } = this;
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
      const kind = nfa.set[state]!;
      if (kind >= 0) kept.push(state);
      else if (kind === FORKS) {
        const ways = nfa.forks[nfa.next[state]!]!;
        for (let i = 0; i < ways.length; i++) visit(ways[i]!);
      } else if (kind === ACCEPTS) {
        kept.push(state);
        accepts.push(nfa.next[state]!);
      } else if (behind === OPEN) {
        kept.push(state);
        waits = true;
      } else if (holds((ASSERTS - kind) as Assertion, before, behind)) visit(nfa.next[state]!);
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
    this.expanded.push(false);
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
