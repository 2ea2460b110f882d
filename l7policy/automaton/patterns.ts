// SPDX-License-Identifier: Apache-2.0
import { parseRegex } from "../regex/parse.js";
import { classesOf } from "./bytes.js";
import { LazyDfa, Start } from "./dfa.js";
import { Nfa } from "./nfa.js";

/** Several patterns, each numbered by its text, run over a field in one pass. */
export class Patterns {
  private readonly numbers = new Map<string, number>();
  private dfa: LazyDfa | undefined;
  private all = new Start([]);

  /** Number of a pattern; the same text has the same number. */
  number(pattern: string): number {
    const known = this.numbers.get(pattern);
    if (known !== undefined) return known;
    this.numbers.set(pattern, this.numbers.size);
    return this.numbers.size - 1;
  }

  /** Patterns added. */
  get size(): number {
    return this.numbers.size;
  }

  /** Builds the automaton of all patterns added. Throws SM_POLICY_REGEX. */
  build(): void {
    const nfa = new Nfa();
    const starts = [...this.numbers].map(([pattern, number]) => nfa.add(parseRegex(pattern), number));
    this.dfa = new LazyDfa(nfa, classesOf(nfa.sets));
    this.all = new Start(starts);
  }

  /** Numbers of the patterns that match bytes [from, to) in full, ascending. */
  match(bytes: Uint8Array, from: number, to: number): Int32Array {
    return this.dfa?.run(this.all, bytes, from, to) ?? NONE;
  }
}

const NONE = new Int32Array(0);
