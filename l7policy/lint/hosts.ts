// SPDX-License-Identifier: Apache-2.0
import { difference } from "../automaton/compare.js";
import { parseRegex } from "../regex/parse.js";

const HOST = parseRegex("[a-z0-9]([a-z0-9.-]*[a-z0-9])?");

/** True for a pattern that has an anchor at one of its ends. */
export function hasAnchor(pattern: string): boolean {
  return pattern.startsWith("^") || /(^|[^\\])(\\\\)*\$$/.test(pattern);
}

/** The pattern with each lone dot written as a dot; undefined when there is none. */
export function withDots(pattern: string): string | undefined {
  let text = "";
  let inClass = false;
  let changed = false;
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] ?? "";
    const next = pattern[i + 1] ?? "";
    if (c === "\\") text += c + pattern[++i];
    else if (c === "." && !inClass && !"*+?{".includes(next || " ")) {
      text += "\\.";
      changed = true;
    } else {
      if (c === "[") inClass = true;
      else if (c === "]") inClass = false;
      text += c;
    }
  }
  return changed ? text : undefined;
}

/** A host that a pattern matches only because its dots are any character. */
export function unintendedHost(pattern: string): string | undefined {
  const meant = withDots(pattern);
  if (meant === undefined) return undefined;
  const found = difference([parseRegex(pattern)], [parseRegex(meant)], HOST);
  return found.kind === "witness" ? found.text : undefined;
}
