// SPDX-License-Identifier: Apache-2.0
import { isAlias, isMap, isScalar, isSeq, type LineCounter, type Node, type YAMLMap } from "yaml";
import { SockmeshError, type ErrorCode, type SourcePosition } from "../core/errors.js";

/** Reads YAML nodes with their positions; collects errors instead of stopping at the first. */
export class Reader {
  readonly errors: SockmeshError[] = [];

  constructor(
    private readonly file: string,
    private readonly lines: LineCounter,
  ) {}

  /** Position of a node; of the file's start when it has none. */
  at(node: unknown): SourcePosition {
    const offset = (node as Partial<Node> | undefined)?.range?.[0] ?? 0;
    const { line, col } = this.lines.linePos(offset);
    return { file: this.file, line, column: col };
  }

  /** Notes an error at a node. */
  fail(code: ErrorCode, node: unknown, field: string, message: string, cause?: unknown): undefined {
    this.errors.push(new SockmeshError(code, message, { at: this.at(node), field, cause }));
    return undefined;
  }

  /** The node as a mapping whose keys are all in `allowed`; others are errors, with the reason where one is known. */
  map(
    node: unknown,
    field: string,
    allowed: readonly string[],
    refused: Readonly<Record<string, string>> = {},
  ): Map<string, { value: unknown; key: unknown }> | undefined {
    if (isAlias(node)) return this.fail("SM_POLICY_SYNTAX", node, field, "anchors and aliases are not read");
    if (!isMap(node)) return this.fail("SM_POLICY_FIELD", node, field, "must be a mapping");
    const found = new Map<string, { value: unknown; key: unknown }>();
    for (const pair of (node as YAMLMap).items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : "";
      const path = field ? `${field}.${key}` : key;
      const why = refused[key];
      if (why) this.fail("SM_POLICY_UNSUPPORTED", pair.key, path, why);
      else if (!allowed.includes(key)) this.fail("SM_POLICY_FIELD", pair.key, path, `unknown field`);
      else found.set(key, { value: pair.value, key: pair.key });
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

  /** A whole number in a range, also when written as a string. */
  integer(node: unknown, field: string, least: number, most: number): number | undefined {
    const value = isScalar(node) ? node.value : undefined;
    const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
    if (typeof number === "number" && Number.isInteger(number) && number >= least && number <= most)
      return number;
    return this.fail("SM_POLICY_FIELD", node, field, `must be a whole number from ${least} to ${most}`);
  }

  /** A boolean. */
  flag(node: unknown, field: string): boolean | undefined {
    if (isScalar(node) && typeof node.value === "boolean") return node.value;
    return this.fail("SM_POLICY_FIELD", node, field, "must be true or false");
  }

  /** Every label value or key as text: these may be written as numbers in practice, and are refused like Kubernetes does. */
  texts(node: unknown, field: string): string[] | undefined {
    const items = this.list(node, field);
    const found = items?.map((item, i) => this.text(item, `${field}[${i}]`));
    return found?.every((item) => item !== undefined) ? (found as string[]) : undefined;
  }
}
