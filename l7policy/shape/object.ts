// SPDX-License-Identifier: Apache-2.0
import { SockmeshError, type ErrorCode, type SourcePosition } from "../../core/errors.js";
import type { JsonSchema, Shape } from "./shape.js";

/** A field that may be left out. */
export interface Optional<T> {
  readonly need: "optional";
  readonly shape: Shape<T>;
  readonly about: string;
}

/** A field that must be there. */
export interface Required<T> {
  readonly need: "required";
  readonly shape: Shape<T>;
  readonly about: string;
}

/** A field that Cilium or Kubernetes knows and that cannot be enforced here. */
export interface Refused {
  readonly need: "refused";
  readonly reason: string;
}

/** The table of an object's fields. */
export type Fields = Readonly<Record<string, Optional<unknown> | Required<unknown> | Refused>>;

/** What an object of such fields reads as; `at` and `path` tell where it stood. */
export type ObjectOf<F extends Fields> = {
  readonly [K in keyof F as F[K] extends Refused ? never : K]: F[K] extends Required<infer T>
    ? T
    : F[K] extends Optional<infer T>
      ? T | undefined
      : never;
} & { readonly at: SourcePosition; readonly path: string };

/** Notes errors of one object: at a position, at one of its fields where that is there, else at the object. */
export type Complain = (
  field: string,
  message: string,
  more?: { readonly code?: ErrorCode; readonly at?: SourcePosition },
) => undefined;

/** A field that may be left out; `about` is shown by editors. */
export function optional<T>(shape: Shape<T>, about: string): Optional<T> {
  return { need: "optional", shape, about };
}

/** A field that must be there; `about` is shown by editors. */
export function required<T>(shape: Shape<T>, about: string): Required<T> {
  return { need: "required", shape, about };
}

/** A known field that is refused by name. The reason completes the sentence "FIELD ...". */
export function refused(reason: string): Refused {
  return { need: "refused", reason };
}

/**
 * A mapping with exactly these fields. Unknown fields are errors, refused ones errors with their reason.
 * @param check looks at the object as a whole, once all its fields are good
 */
export function object<F extends Fields>(
  fields: F,
  check?: (value: ObjectOf<F>, complain: Complain) => void,
  about?: string,
): Shape<ObjectOf<F>> {
  const names = Object.keys(fields);
  const reasons: Record<string, string> = {};
  for (const name of names) {
    const field = fields[name];
    if (field?.need === "refused") reasons[name] = field.reason;
  }
  const allowed = names.filter((name) => !Object.hasOwn(reasons, name));
  return {
    schema: schemaOf(fields, about),
    read(reader, node, path) {
      const before = reader.errors.length;
      const entries = reader.map(node, path, allowed, reasons);
      if (!entries) return undefined;
      const value: Record<string, unknown> = { at: reader.at(node), path };
      const under = (name: string): string => (path ? `${path}.${name}` : name);
      for (const name of allowed) {
        const field = fields[name];
        if (!field || field.need === "refused") continue;
        const entry = entries.get(name);
        if (entry) value[name] = field.shape.read(reader, entry.value, under(name));
        else {
          value[name] = undefined;
          if (field.need === "required") reader.fail("SM_POLICY_FIELD", node, under(name), "is missing");
        }
      }
      if (reader.errors.length > before) return undefined;
      const complain: Complain = (name, message, { code = "SM_POLICY_FIELD", at } = {}) => {
        const field = name === "" ? path : under(name);
        if (!at) return reader.fail(code, entries.get(name)?.key ?? node, field, message);
        reader.errors.push(new SockmeshError(code, message, { at, field }));
        return undefined;
      };
      check?.(value as ObjectOf<F>, complain);
      return reader.errors.length > before ? undefined : (value as ObjectOf<F>);
    },
  };
}

function schemaOf(fields: Fields, about: string | undefined): JsonSchema {
  const properties: Record<string, JsonSchema> = {};
  const required: string[] = [];
  for (const [name, field] of Object.entries(fields)) {
    properties[name] =
      field.need === "refused"
        ? { description: `Refused: ${field.reason}.`, not: {} }
        : { ...field.shape.schema, description: field.about };
    if (field.need === "required") required.push(name);
  }
  return {
    type: "object",
    additionalProperties: false,
    properties,
    ...(required.length > 0 ? { required } : {}),
    ...(about ? { description: about } : {}),
  };
}
