// SPDX-License-Identifier: Apache-2.0
import type { ByteSet } from "./bytes.js";
import { States } from "./states.js";

/** How far the states of an automaton have been copied. */
export interface CopyMark {
  readonly states: number;
  readonly forks: number;
  readonly sets: number;
}

/** Nothing has been copied. */
export const NO_STATES: CopyMark = { states: 0, forks: 0, sets: 0 };

/** States that came behind a mark, as plain data that another thread can take. */
export interface StatesPart {
  readonly from: CopyMark;
  readonly set: Int32Array;
  readonly next: Int32Array;
  /** Ways of all forks in a row, and where those of each end. */
  readonly ways: Int32Array;
  readonly ends: Int32Array;
  /** 256 flags for each set. */
  readonly sets: Uint8Array;
  readonly hasAssertions: boolean;
}

/** Where an automaton stands now. */
export function markOf({ size, forks, sets }: States): CopyMark {
  return { states: size, forks: forks.length, sets: sets.length };
}

/** What came behind a mark; no pattern may be half added. */
export function partOf(states: States, from: CopyMark): StatesPart {
  const forks = states.forks.slice(from.forks);
  let count = 0;
  const ends = Int32Array.from(forks, ({ length }) => (count += length));
  const sets = states.sets.slice(from.sets);
  const flags = new Uint8Array(sets.length * 256);
  sets.forEach((set, i) => flags.set(set, i * 256));
  return {
    from,
    set: states.set.slice(from.states, states.size),
    next: states.next.slice(from.states, states.size),
    ways: Int32Array.from(forks.flat()),
    ends,
    sets: flags,
    hasAssertions: states.hasAssertions,
  };
}

/** The buffers of a part, to be handed over rather than copied. */
export function buffersOf({ set, next, ways, ends, sets }: StatesPart): ArrayBufferLike[] {
  return [set, next, ways, ends, sets].map(({ buffer }) => buffer);
}

/** States that were made elsewhere: they can be run, not added to but by further parts. */
export class StatesCopy extends States {
  /** Appends what came next. Throws when a part is missing. */
  append(part: StatesPart): void {
    const { states, forks, sets } = part.from;
    if (states !== this.size || forks !== this.forks.length || sets !== this.sets.length)
      throw new Error("a part of the automaton is missing");
    this.set = joined(this.set, states, part.set);
    this.next = joined(this.next, states, part.next);
    this.size = states + part.set.length;
    const { ways, ends } = part;
    for (let i = 0, at = 0; i < ends.length; i++) {
      const to: number[] = [];
      while (at < ends[i]!) to.push(ways[at++]!);
      this.forks.push(to);
    }
    for (let at = 0; at < part.sets.length; at += 256)
      this.sets.push(part.sets.subarray(at, at + 256) satisfies ByteSet);
    this.hasAssertions ||= part.hasAssertions;
  }
}

/** A column with more behind its first `size` cells. The first part is taken as it is; room is left behind later ones. */
function joined(column: Int32Array, size: number, more: Int32Array): Int32Array {
  if (size === 0) return more;
  let out = column;
  if (out.length < size + more.length) {
    out = new Int32Array(Math.ceil((size + more.length) * 1.25));
    out.set(column.subarray(0, size));
  }
  out.set(more, size);
  return out;
}
