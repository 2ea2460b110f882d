// SPDX-License-Identifier: Apache-2.0
import type { NameRule } from "../model.js";

/**
 * DNS names against `matchName` and `matchPattern`. Without letter case, with or without the final dot.
 *
 * In a pattern `*` stands for any characters of one label, also none; `**.` at the start for one label or more; a
 * pattern that is only stars for every name, the root too. A star never crosses a dot.
 */
export function nameFits(rule: NameRule, name: string): boolean {
  const wanted = normal(rule.text);
  const given = normal(name);
  if (given.length > 255) return false;
  if (rule.kind === "name") return wanted === given;
  if (/^\*+$/.test(wanted)) return given === "" || given.split(".").every((label) => LABEL.test(label));
  const patterns = wanted.split(".");
  const labels = given.split(".");
  if (patterns[0] !== "**") return labelsFit(patterns, labels);
  const rest = patterns.length - 1;
  const free = labels.slice(0, labels.length - rest);
  return (
    free.length > 0 &&
    free.every((label) => LABEL.test(label)) &&
    labelsFit(patterns.slice(1), labels.slice(labels.length - rest))
  );
}

/**
 * Server names of TLS clients against `serverNames`: as above, but `**` stands for one label or more wherever it is a
 * label of its own, and a client that names no server fits nothing.
 */
export function serverNameFits(pattern: string, name: string): boolean {
  if (name === "" || name.length > 255) return false;
  const labels = name.toLowerCase().split(".");
  if (!labels.every((label) => LABEL.test(label))) return false;
  const patterns = pattern.toLowerCase().split(".");
  // `reached[i]`: the labels so far fit the first i patterns.
  let reached = [true, ...patterns.map(() => false)];
  for (const label of labels) {
    const next = patterns.map(() => false);
    next.unshift(false);
    patterns.forEach((one, i) => {
      if (one === "**") next[i + 1] = Boolean(reached[i] || reached[i + 1]);
      else if (reached[i] && labelFits(one, label)) next[i + 1] = true;
    });
    reached = next;
  }
  return reached.at(-1) ?? false;
}

/** What a star stands for. */
const LABEL = /^[-a-z0-9_]+$/;
const STAR = /^[-a-z0-9_]*$/;

function normal(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

function labelsFit(patterns: readonly string[], labels: readonly string[]): boolean {
  return (
    patterns.length === labels.length &&
    labels.every((label, i) => label !== "" && labelFits(patterns[i] ?? "", label))
  );
}

/** One label against one pattern; each star takes as little as it can, so the time is bounded by the product. */
function labelFits(pattern: string, label: string): boolean {
  const [head = "", ...parts] = pattern.split(/\*+/);
  const tail = parts.pop();
  if (tail === undefined) return pattern === label;
  if (label.length < head.length + tail.length || !label.startsWith(head) || !label.endsWith(tail))
    return false;
  if (!STAR.test(label.slice(head.length, label.length - tail.length))) return false;
  let at = head.length;
  for (const part of parts) {
    const found = label.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= label.length - tail.length;
}

/** Text with `*` for any characters, as in `fromProcess` and `grpc`. */
export function globFits(pattern: string, value: string): boolean {
  const [head = "", ...parts] = pattern.split("*");
  const tail = parts.pop();
  if (tail === undefined) return pattern === value;
  if (value.length < head.length + tail.length || !value.startsWith(head) || !value.endsWith(tail))
    return false;
  let at = head.length;
  for (const part of parts) {
    const found = value.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= value.length - tail.length;
}
