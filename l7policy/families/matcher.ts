// SPDX-License-Identifier: Apache-2.0
import { Patterns } from "../automaton/patterns.js";
import type { TextRule } from "./model.js";

const compiled = new WeakMap<object, (bytes: Uint8Array) => boolean>();

/** Whether bytes match a RE2 pattern in full. */
export function patternFits(pattern: string, bytes: Uint8Array): boolean {
  const patterns = new Patterns();
  patterns.number(pattern);
  patterns.build();
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
  return alternatives(pattern)
    .map((one) => {
      const from = one.startsWith("^");
      const to = /(^|[^\\])(\\\\)*\$$/.test(one);
      const inner = one.slice(from ? 1 : 0, to ? -1 : undefined);
      return `${from ? "" : "(?s:.*)"}(?:${inner})${to ? "" : "(?s:.*)"}`;
    })
    .join("|");
}

/** Splits at the bars that stand in no group and no class. */
function alternatives(pattern: string): string[] {
  const parts = [""];
  let depth = 0;
  let inClass = false;
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] ?? "";
    const last = parts.length - 1;
    if (c === "|" && depth === 0 && !inClass) {
      parts.push("");
      continue;
    }
    parts[last] += c;
    if (c === "\\") parts[last] += pattern[++i] ?? "";
    else if (inClass) inClass = c !== "]";
    else if (c === "[") inClass = true;
    else if (c === "(") depth++;
    else if (c === ")") depth--;
  }
  return parts;
}
