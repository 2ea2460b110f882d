// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { HttpAutomata } from "./compile/automata.js";
import { HttpRuleSet } from "./compile/http.js";
import { WeakCache } from "./compile/weak-cache.js";
import type { HttpRule } from "./model.js";

/** NFA states of patterns that nobody may use any more, beside twice as many as the largest rule set has. */
const MOST_STALE = 400_000;

/**
 * Compiles rule sets; equal ones are compiled once and shared, also across revisions. One that is like an earlier one
 * but for a few rules takes over what was made for that.
 */
export class RuleSetCache {
  private readonly known = new WeakCache<HttpRuleSet>();
  private automata = new HttpAutomata();
  /** Where it is time to begin with new ones. */
  private fullAt = 0;

  /**
   * The rule set of some HTTP rules. The order in which they are given does not matter; `rules` of the set has its own,
   * the same in every process. Throws SM_POLICY_REGEX for a bad pattern, or when they are too large together.
   */
  http(rules: readonly HttpRule[]): HttpRuleSet {
    const unique = new Map<string, HttpRule>();
    for (const rule of rules) unique.set(textOf(rule), rule);
    const texts = [...unique.keys()].sort();
    const id = createHash("sha256").update(texts.join("\n")).digest("hex").slice(0, 32);
    return this.known.get(id, () => {
      const ordered = texts.map((text) => unique.get(text)!);
      return this.make(id, ordered);
    });
  }

  private make(id: string, rules: readonly HttpRule[]): HttpRuleSet {
    if (this.automata.size > this.fullAt) this.renew();
    const before = this.automata.size;
    try {
      const made = new HttpRuleSet(id, rules, this.automata);
      this.fullAt = Math.max(this.fullAt, 2 * (this.automata.size - before) + MOST_STALE);
      return made;
    } catch (thrown) {
      if (before === 0) throw thrown;
      // It may be what others left that makes it too large.
      this.renew();
      return new HttpRuleSet(id, rules, this.automata);
    }
  }

  private renew(): void {
    this.automata = new HttpAutomata();
    this.fullAt = 0;
  }
}

/** What a rule wants, as a text. */
export function textOf({ method, path, host, headers }: HttpRule): string {
  return JSON.stringify([method, path, host, headers.map((h) => [h.name.toLowerCase(), h.value])]);
}
