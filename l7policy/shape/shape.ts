// SPDX-License-Identifier: Apache-2.0
import { isScalar } from "yaml";
import type { ErrorCode } from "../../core/errors.js";
import type { Reader } from "../reader.js";

/** A JSON Schema (2020-12) as an object. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * What a part of a document looks like: reads a node into a value, or notes errors and gives undefined. The same
 * object gives the JSON Schema that editors use, so that the two cannot disagree.
 */
export interface Shape<T> {
  readonly schema: JsonSchema;
  read(reader: Reader, node: unknown, path: string): T | undefined;
}

/** Type of the values that a shape reads. */
export type Read<S> = S extends Shape<infer T> ? T : never;

/** Bounds on a string. `says` tells what it must be when `pattern` does not fit. */
export interface TextTerms {
  readonly pattern?: RegExp;
  readonly says?: string;
  readonly least?: number;
  readonly most?: number;
}

/** A string; numbers and booleans are errors, since YAML would change their text. */
export function text(terms: TextTerms = {}): Shape<string> {
  const { pattern, says, least = 0, most = Infinity } = terms;
  return {
    schema: {
      type: "string",
      ...(pattern ? { pattern: pattern.source } : {}),
      ...(least > 0 ? { minLength: least } : {}),
      ...(most < Infinity ? { maxLength: most } : {}),
    },
    read(reader, node, path) {
      const value = reader.text(node, path);
      if (value === undefined) return undefined;
      if (value.length < least) return reader.fail("SM_POLICY_FIELD", node, path, "must not be empty");
      if (value.length > most)
        return reader.fail("SM_POLICY_FIELD", node, path, `must not be longer than ${most} characters`);
      if (pattern && !pattern.test(value))
        return reader.fail("SM_POLICY_FIELD", node, path, says ?? `must match ${pattern.source}`);
      return value;
    },
  };
}

/** One of a few words. */
export function choice<const T extends string>(
  words: readonly T[],
  refused: Readonly<Record<string, string>> = {},
): Shape<T> {
  return {
    schema: { enum: words },
    read(reader, node, path) {
      const value = reader.text(node, path);
      if (value === undefined) return undefined;
      const found = words.find((word) => word === value);
      if (found !== undefined) return found;
      const reason = Object.hasOwn(refused, value) ? refused[value] : undefined;
      if (reason !== undefined) return reader.fail("SM_POLICY_UNSUPPORTED", node, path, reason);
      const list = words.slice(0, -1).join(", ");
      return reader.fail(
        "SM_POLICY_FIELD",
        node,
        path,
        `unknown value ${value}: must be ${list ? `${list} or ` : ""}${words.at(-1)}`,
      );
    },
  };
}

/** A whole number in a range, also when written as a decimal string. */
export function integer(least: number, most: number): Shape<number> {
  return {
    schema: {
      anyOf: [
        { type: "integer", minimum: least, maximum: most },
        { type: "string", pattern: "^(0|[1-9][0-9]*)$" },
      ],
    },
    read: (reader, node, path) => reader.integer(node, path, least, most),
  };
}

/** A boolean. */
export const flag: Shape<boolean> = {
  schema: { type: "boolean" },
  read: (reader, node, path) => reader.flag(node, path),
};

/** Anything: fields that others write and that mean nothing to policy. */
export const anything: Shape<unknown> = {
  schema: {},
  read: (_reader, node) => (isScalar(node) ? (node.value ?? true) : true),
};

/** A list. Every item is read, so that every error is found. */
export function list<T>(item: Shape<T>, terms: { least?: number; most?: number } = {}): Shape<readonly T[]> {
  const { least = 0, most = Infinity } = terms;
  return {
    schema: {
      type: "array",
      items: item.schema,
      ...(least > 0 ? { minItems: least } : {}),
      ...(most < Infinity ? { maxItems: most } : {}),
    },
    read(reader, node, path) {
      const items = reader.list(node, path);
      if (!items) return undefined;
      if (items.length < least)
        return reader.fail(
          "SM_POLICY_FIELD",
          node,
          path,
          `must name at least ${least === 1 ? "one" : least}`,
        );
      if (items.length > most)
        return reader.fail("SM_POLICY_FIELD", node, path, `must not have more than ${most} items`);
      const read = items.map((one, i) => item.read(reader, one, `${path}[${i}]`));
      return read.every((one) => one !== undefined) ? (read as T[]) : undefined;
    },
  };
}

/** A mapping with keys of the user's own. */
export function dictionary<T>(value: Shape<T>, about?: string): Shape<ReadonlyMap<string, T>> {
  return {
    schema: { type: "object", additionalProperties: value.schema, ...(about ? { description: about } : {}) },
    read(reader, node, path) {
      const entries = reader.entries(node, path);
      if (!entries) return undefined;
      const read = new Map<string, T>();
      let good = true;
      for (const [key, entry] of entries) {
        const one = value.read(reader, entry.value, `${path}.${key}`);
        if (one === undefined) good = false;
        else read.set(key, one);
      }
      return good ? read : undefined;
    },
  };
}

/** What a conversion needs to note an error at the node it converts. */
export interface Spot {
  /** The reader, for what holds in the whole document (its namespace). */
  readonly reader: Reader;
  readonly node: unknown;
  readonly path: string;
  /** Notes an error of the field's content. */
  fail(message: string, code?: ErrorCode, cause?: unknown): undefined;
}

/** Reads by one shape and converts; the conversion may note errors and give undefined. */
export function convert<A, B>(
  shape: Shape<A>,
  conversion: (value: A, spot: Spot) => B | undefined,
  schema: JsonSchema = shape.schema,
): Shape<B> {
  return {
    schema,
    read(reader, node, path) {
      const value = shape.read(reader, node, path);
      if (value === undefined) return undefined;
      return conversion(value, {
        reader,
        node,
        path,
        fail: (message, code = "SM_POLICY_FIELD", cause) => reader.fail(code, node, path, message, cause),
      });
    },
  };
}
