// SPDX-License-Identifier: Apache-2.0
import type { Nfa } from "./nfa.js";

const MOST_STATES = 4096;
const UNKNOWN = -2;
const DEAD = -1;

interface State {
  /** States of the NFA, sorted. */
  readonly of: Int32Array;
  /** Numbers of the patterns that match when the text ends here, sorted. */
  readonly accepts: Int32Array;
  /** Per byte: the next state, DEAD, or UNKNOWN until it is asked for. */
  readonly next: Int32Array;
}

const NONE = new Int32Array(0);

/**
 * Runs an NFA with the speed of a DFA: states are made when they are first reached and kept, up to a bound, after which
 * the cache starts anew. Linear in the text whatever the pattern.
 */
export class Dfa {
  private states: State[] = [];
  private known = new Map<string, number>();
  private readonly start: Int32Array;

  constructor(private readonly nfa: Nfa) {
    this.start = this.closure([0]);
    this.stateOf(this.start);
  }

  /** Numbers of the patterns that match bytes [from, to) in full; a shared array, do not change it. */
  run(bytes: Uint8Array, from: number, to: number): Int32Array {
    let at = 0;
    for (let i = from; i < to; i++) {
      const byte = bytes[i] ?? 0;
      let next = this.states[at]?.next[byte] ?? DEAD;
      if (next === UNKNOWN) next = this.step(at, byte);
      if (next === DEAD) return NONE;
      at = next;
    }
    return this.states[at]?.accepts ?? NONE;
  }

  private step(at: number, byte: number): number {
    const from = this.states[at];
    if (!from) return DEAD;
    const reached: number[] = [];
    for (const state of from.of) if (this.nfa.sets[state]?.[byte]) reached.push(this.nfa.next[state] ?? 0);
    if (reached.length === 0) {
      from.next[byte] = DEAD;
      return DEAD;
    }
    const of = this.closure(reached);
    if (this.states.length >= MOST_STATES) {
      this.states = [];
      this.known.clear();
      this.stateOf(this.start);
      return this.stateOf(of);
    }
    const next = this.stateOf(of);
    from.next[byte] = next;
    return next;
  }

  private stateOf(of: Int32Array): number {
    const key = Buffer.from(of.buffer, of.byteOffset, of.byteLength).toString("latin1");
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const accepts = new Set<number>();
    for (const state of of)
      if ((this.nfa.accepts[state] ?? -1) >= 0) accepts.add(this.nfa.accepts[state] ?? 0);
    this.states.push({
      of,
      accepts: Int32Array.from(accepts).sort(),
      next: new Int32Array(256).fill(UNKNOWN),
    });
    this.known.set(key, this.states.length - 1);
    return this.states.length - 1;
  }

  /** States that consume or accept, reachable without a byte. */
  private closure(from: readonly number[]): Int32Array {
    const seen = new Set<number>(from);
    const stack = [...from];
    for (let state = stack.pop(); state !== undefined; state = stack.pop())
      for (const next of this.nfa.free[state] ?? [])
        if (!seen.has(next)) {
          seen.add(next);
          stack.push(next);
        }
    const kept: number[] = [];
    for (const state of seen)
      if (this.nfa.sets[state] || (this.nfa.accepts[state] ?? -1) >= 0) kept.push(state);
    return Int32Array.from(kept).sort();
  }
}
