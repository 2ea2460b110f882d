// SPDX-License-Identifier: Apache-2.0
import type { Regex } from "../regex/syntax.js";
import { classesOf } from "./bytes.js";
import { Nfa } from "./nfa.js";
import { DEAD, Subsets } from "./subsets.js";

/** What a comparison of patterns came to. `unknown`: it would take too many states. */
export type Difference =
  | { readonly kind: "none" }
  /** A shortest text that makes the difference. */
  | { readonly kind: "witness"; readonly text: string }
  | { readonly kind: "unknown" };

const MOST_STATES = 20_000;
const MOST_WORK = 5_000_000;
const [IN, OUT, WITHIN] = [0, 1, 2];

/**
 * A shortest text that some pattern of `these` matches in full and none of `those` does. Only texts that match `within`
 * count, when it is given.
 * @param ascii `within` matches ASCII only: what patterns say of other characters is left out
 */
export function difference(
  these: readonly Regex[],
  those: readonly Regex[],
  within?: Regex,
  ascii = false,
): Difference {
  const nfa = new Nfa({ ascii });
  const starts = these.map((one) => nfa.add(one, IN));
  const live = nfa.size;
  starts.push(...those.map((one) => nfa.add(one, OUT)));
  if (within) starts.push(nfa.add(within, WITHIN));
  const differs = (accepts: Int32Array): boolean =>
    accepts.includes(IN) && !accepts.includes(OUT) && (!within || accepts.includes(WITHIN));
  return search(nfa, starts, live, differs);
}

/** Whether `outer` matches every text that `inner` matches: `none`, or a shortest text that it does not match. */
export function contains(outer: Regex, inner: Regex): Difference {
  return difference([inner], [outer]);
}

/** A shortest text that all patterns match: the witness that rules overlap. */
export function overlap(patterns: readonly Regex[]): Difference {
  const nfa = new Nfa();
  const starts = patterns.map((one, number) => nfa.add(one, number));
  return search(nfa, starts, nfa.size, (accepts) => accepts.length === patterns.length);
}

/** Breadth first, so the first text found is a shortest one. Only what NFA states below `live` are part of can lead to one. */
function search(
  nfa: Nfa,
  starts: readonly number[],
  live: number,
  found: (accepts: Int32Array) => boolean,
): Difference {
  const classes = classesOf(nfa.sets);
  const subsets = new Subsets(nfa, classes);
  const letters = readable(classes.of, classes.count);
  const start = subsets.start(starts);
  if (start === DEAD) return { kind: "none" };
  const from = new Map<number, { state: number; byte: number } | undefined>([[start, undefined]]);
  for (const state of from.keys()) {
    if (found(subsets.accepts(state))) return { kind: "witness", text: textTo(state, from) };
    if (subsets.size > MOST_STATES || subsets.work > MOST_WORK) return { kind: "unknown" };
    for (const byte of letters) {
      const next = subsets.step(state, classes.of[byte]!);
      if (next !== DEAD && !from.has(next) && subsets.least(next) < live) from.set(next, { state, byte });
    }
  }
  return { kind: "none" };
}

function textTo(
  state: number,
  from: ReadonlyMap<number, { state: number; byte: number } | undefined>,
): string {
  const bytes: number[] = [];
  for (let step = from.get(state); step; step = from.get(step.state)) bytes.push(step.byte);
  return Buffer.from(bytes.reverse()).toString();
}

const NICE = "abcdefghijklmnopqrstuvwxyz0123456789/-_.ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** One byte of each class, one that is easy to read where there is a choice; those first. */
function readable(of: Uint8Array, count: number): number[] {
  const order = [...Buffer.from(NICE)];
  for (let byte = 0x21; byte < 0x7f; byte++) order.push(byte);
  for (let byte = 0; byte < 256; byte++) order.push(byte);
  const seen = new Set<number>();
  return order.filter((byte) => {
    const fresh = !seen.has(of[byte]!) && seen.size < count;
    seen.add(of[byte]!);
    return fresh;
  });
}
