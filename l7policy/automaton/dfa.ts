// SPDX-License-Identifier: Apache-2.0
import type { ByteClasses } from "./bytes.js";
import type { Nfa } from "./nfa.js";
import { DEAD, Subsets, UNKNOWN } from "./subsets.js";

/** What the states of one automaton may hold before they are forgotten. */
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
    const full = this.subsets;
    this.subsets = new Subsets(this.nfa, this.classes);
    this.startStates = [];
    return full.moveTo(this.subsets, keep);
  }
}
