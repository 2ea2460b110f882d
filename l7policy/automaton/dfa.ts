// SPDX-License-Identifier: Apache-2.0
import type { ByteClasses } from "./bytes.js";
import type { States } from "./states.js";
import { DEAD, Subsets, UNKNOWN } from "./subsets.js";

/** What the states of one automaton may hold before they are forgotten. */
const MOST_BYTES = 16 * 1024 * 1024;

/** Where runs of some patterns begin; knows its state in the automaton that used it last. */
export class Start {
  state = DEAD;
  generation = -1;

  /** @param states NFA states that may begin */
  constructor(readonly states: readonly number[]) {}
}

/**
 * Runs an NFA with the speed of a DFA, within bounds: states are made on the way and kept; when they hold too much, all
 * are forgotten. Linear in the field whatever the patterns. A start serves one automaton.
 */
export class LazyDfa {
  private subsets: Subsets;
  private generation = 0;

  constructor(
    private readonly nfa: States,
    private readonly classes: ByteClasses,
  ) {
    this.subsets = new Subsets(nfa, classes);
  }

  /** Numbers of the patterns that match bytes [from, to) in full; a shared array, do not change it. */
  run(start: Start, bytes: Uint8Array, from: number, to: number): Int32Array {
    const { of, count } = this.classes;
    if (start.generation !== this.generation) {
      start.state = this.subsets.start(start.states);
      start.generation = this.generation;
    }
    let { state } = start;
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
    this.generation++;
    return full.moveTo(this.subsets, keep);
  }
}
