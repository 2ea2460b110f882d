// SPDX-License-Identifier: Apache-2.0
import { isAlias, isMap, isScalar, isSeq, type LineCounter, type Node, type YAMLMap } from "yaml";
import { SockmeshError, type ErrorCode, type SourcePosition } from "../core/errors.js";

/** One entry of a mapping. */
export interface Entry {
  readonly key: unknown;
  readonly value: unknown;
}

/** What holds for the whole document that is being read. */
export interface Scope {
  /** Namespace of the policy; undefined for those of the whole cluster. */
  readonly namespace: string | undefined;
  /** The policy is for workloads that have no labels yet (`reserved:init`). */
  readonly selectsInit?: boolean;
}

/** Reads YAML nodes with their positions; collects errors instead of stopping at the first. */
export class Reader {
  readonly errors: SockmeshError[] = [];
  scope: Scope = { namespace: undefined };

  constructor(
    private readonly file: string,
    private readonly lines: LineCounter,
  ) {}

  /** Position of a node; of the file's start when it has none. */
  at(node: unknown): SourcePosition {
    const offset = (node as Partial<Node> | null | undefined)?.range?.[0] ?? 0;
    const { line, col } = this.lines.linePos(offset);
    return { file: this.file, line, column: col };
  }

  /** Notes an error at a node. */
  fail(code: ErrorCode, node: unknown, field: string, message: string, cause?: unknown): undefined {
    this.errors.push(new SockmeshError(code, message, { at: this.at(node), field, cause }));
    return undefined;
  }

  /** The node as a mapping with keys of the user's own. */
  entries(node: unknown, field: string): Map<string, Entry> | undefined {
    if (isAlias(node)) return this.fail("SM_POLICY_SYNTAX", node, field, "anchors and aliases are not read");
    if (!isMap(node)) return this.fail("SM_POLICY_FIELD", node, field, "must be a mapping");
    const found = new Map<string, Entry>();
    for (const { key, value } of (node as YAMLMap).items) {
      if (isScalar(key) && typeof key.value === "string") {
        if (found.has(key.value)) {
          const path = field ? `${field}.${key.value}` : key.value;
          this.fail("SM_POLICY_SYNTAX", key, path, "stands twice: the keys of a mapping must be unique");
        } else found.set(key.value, { key, value });
      } else this.fail("SM_POLICY_FIELD", key, field, "a key must be a string (quote it)");
    }
    return found;
  }

  /** The node as a mapping whose keys are all in `allowed`; others are errors, with the reason where one is known. */
  map(
    node: unknown,
    field: string,
    allowed: readonly string[],
    refused: Readonly<Record<string, string>> = {},
  ): Map<string, Entry> | undefined {
    const found = this.entries(node, field);
    for (const [key, entry] of found ?? []) {
      const path = field ? `${field}.${key}` : key;
      if (allowed.includes(key)) continue;
      found?.delete(key);
      if (Object.hasOwn(refused, key))
        this.fail("SM_POLICY_UNSUPPORTED", entry.key, path, refused[key] ?? "is not supported");
      else this.fail("SM_POLICY_FIELD", entry.key, path, `unknown field${nearest(key, allowed)}`);
    }
    return found;
  }

  /** The node's items; an error when it is no list. */
  list(node: unknown, field: string): unknown[] | undefined {
    if (isSeq(node)) return node.items;
    return this.fail("SM_POLICY_FIELD", node, field, "must be a list");
  }

  /** A string; numbers and booleans are errors, since YAML would change their text. */
  text(node: unknown, field: string): string | undefined {
    if (isScalar(node) && typeof node.value === "string") return node.value;
    return this.fail("SM_POLICY_FIELD", node, field, "must be a string (quote it)");
  }

  /** A whole number in a range, also when written as a decimal string. */
  integer(node: unknown, field: string, least: number, most: number): number | undefined {
    // The digits as written: other notations (010, 0x50, 1e2) are not the same number everywhere.
    const value = isScalar(node) ? (typeof node.value === "number" ? node.source : node.value) : undefined;
    const number = typeof value === "string" && /^(0|[1-9]\d{0,14})$/.test(value) ? Number(value) : NaN;
    if (number >= least && number <= most) return number;
    return this.fail("SM_POLICY_FIELD", node, field, `must be a whole number from ${least} to ${most}`);
  }

  /** A boolean. */
  flag(node: unknown, field: string): boolean | undefined {
    if (isScalar(node) && typeof node.value === "boolean") return node.value;
    return this.fail("SM_POLICY_FIELD", node, field, "must be true or false");
  }
}

/** `; did you mean X?` when a known word is one slip away. */
export function nearest(word: string, known: readonly string[]): string {
  const close = known.find((one) => oneSlip(word.toLowerCase(), one.toLowerCase()));
  return close === undefined ? "" : `; did you mean ${close}?`;
}

/** True when one letter added, left out, changed, or two swapped make `a` into `b`. */
function oneSlip(a: string, b: string): boolean {
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const left = a.slice(start, a.length - end);
  const right = b.slice(start, b.length - end);
  if (left.length <= 1 && right.length <= 1) return true;
  return left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0];
}
