// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { HttpRuleSet } from "./compile/http.js";
import type { HttpRule } from "./model.js";

/** Compiles rule sets; equal ones are compiled once and shared, also across revisions. */
export class RuleSetCache {
  private readonly known = new Map<string, HttpRuleSet>();

  /**
   * The rule set of some HTTP rules. The order in which they are given does not matter; `rules` of the set has its own,
   * the same in every process. Throws SM_POLICY_REGEX for a bad pattern, or when they are too large together.
   */
  http(rules: readonly HttpRule[]): HttpRuleSet {
    const unique = new Map<string, HttpRule>();
    for (const rule of rules) {
      const { method, path, host, headers } = rule;
      unique.set(
        JSON.stringify([method, path, host, headers.map((h) => [h.name.toLowerCase(), h.value])]),
        rule,
      );
    }
    const texts = [...unique.keys()].sort();
    const id = createHash("sha256").update(texts.join("\n")).digest("hex").slice(0, 32);
    let made = this.known.get(id);
    if (!made) {
      made = new HttpRuleSet(
        id,
        texts.map((text) => unique.get(text)!),
      );
      this.known.set(id, made);
    }
    return made;
  }
}
