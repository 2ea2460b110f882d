// SPDX-License-Identifier: Apache-2.0
import type { Regex } from "./syntax.js";

const shapes = new WeakMap<Regex, string>();

/** A text that is the same for patterns that are built in the same way. */
export function shapeOf(pattern: Regex): string {
  let shape = shapes.get(pattern);
  if (shape === undefined) shapes.set(pattern, (shape = describe(pattern)));
  return shape;
}

function describe(pattern: Regex): string {
  switch (pattern.kind) {
    case "empty":
      return "e";
    case "class":
      return `[${pattern.ranges.join()}]`;
    case "concat":
      return `(${pattern.parts.map(describe).join("")})`;
    case "alternate":
      return `(${pattern.parts.map(describe).join("|")})`;
    case "repeat":
      return `(${describe(pattern.part)}){${pattern.min},${pattern.max}}`;
    case "assert":
      return `<${pattern.assertion}>`;
  }
}
