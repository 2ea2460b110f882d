// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { HttpAutomata } from "./compile/automata.js";
import { HttpRuleSet } from "./compile/http.js";
import { WeakCache } from "./compile/weak-cache.js";
import type { HttpRule } from "./model.js";

/**
 * Compiles rule sets; equal ones are compiled once and shared, also across revisions. One that is like an earlier one
 * but for a few rules takes over what was made for that.
 */
export class RuleSetCache {
  private readonly known = new WeakCache<HttpRuleSet>();
  private current = new HttpAutomata();

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
      return new HttpRuleSet(id, ordered, this.automata);
    });
  }

  private get automata(): HttpAutomata {
    if (this.current.full) this.current = new HttpAutomata();
    return this.current;
  }
}

/** What a rule means, as a text. */
function textOf({ method, path, host, headers }: HttpRule): string {
  return JSON.stringify([method, path, host, headers.map((h) => [h.name.toLowerCase(), h.value])]);
}
