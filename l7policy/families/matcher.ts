// SPDX-License-Identifier: Apache-2.0
import { Patterns } from "../automaton/patterns.js";
import type { TextRule } from "./model.js";

const compiled = new WeakMap<object, (bytes: Uint8Array) => boolean>();

const MOST_REMEMBERED = 1024;
const remembered = new Map<string, Patterns>();

/** Whether bytes match a RE2 pattern in full. For explanations: a rule set runs all its patterns at once. */
export function patternFits(pattern: string, bytes: Uint8Array): boolean {
  let patterns = remembered.get(pattern);
  if (!patterns) {
    patterns = new Patterns();
    patterns.number(pattern);
    patterns.build();
    if (remembered.size >= MOST_REMEMBERED) remembered.clear();
    remembered.set(pattern, patterns);
  }
  return patterns.match(bytes, 0, bytes.length).length > 0;
}

/** Whether a text (latin1) fits a rule on keys or tables. Patterns are compiled once per rule. */
export function textFits(rule: TextRule, text: string): boolean {
  switch (rule.kind) {
    case "exact":
      return rule.text === text;
    case "prefix":
      return text.startsWith(rule.text);
    case "pattern":
    case "search": {
      let match = compiled.get(rule);
      if (!match) compiled.set(rule, (match = matcher(rule)));
      return match(Buffer.from(text, "latin1"));
    }
  }
}

function matcher(rule: TextRule): (bytes: Uint8Array) => boolean {
  const patterns = new Patterns();
  patterns.number(rule.kind === "search" ? anywhere(rule.text) : rule.text);
  patterns.build();
  return (bytes) => patterns.match(bytes, 0, bytes.length).length > 0;
}

/** A pattern that matches in full where the given one matches some part. */
export function anywhere(pattern: string): string {
  return `(?s:.*)(?:${pattern})(?s:.*)`;
}
