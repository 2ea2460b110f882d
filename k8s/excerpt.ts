// SPDX-License-Identifier: Apache-2.0
import { isMap, isScalar, YAMLMap } from "yaml";
import { nearest } from "../l7policy/reader.js";
import { object, type Fields, type ObjectOf } from "../l7policy/shape/object.js";
import type { Shape } from "../l7policy/shape/shape.js";

/**
 * A mapping of Kubernetes' of which these fields are read; the others are somebody else's. A field that is written
 * almost like one of these is an error: passed over, it would take its default without a word. As in Kubernetes, a
 * field without a value is left out.
 */
export function excerpt<F extends Fields>(fields: F): Shape<ObjectOf<F>> {
  const whole = object(fields);
  const known = Object.keys(fields);
  const concerns = (key: unknown, value: unknown): boolean => {
    if (!isScalar(key) || typeof key.value !== "string") return true;
    if (known.includes(key.value)) return !isScalar(value) || value.value !== null;
    // "<<" would bring any of these fields.
    return key.value === "<<" || nearest(key.value, known) !== "";
  };
  return {
    schema: whole.schema,
    read(reader, node, path) {
      if (!isMap(node)) return whole.read(reader, node, path);
      const part = new YAMLMap();
      part.items = node.items.filter(({ key, value }) => concerns(key, value));
      if (node.range) part.range = node.range;
      return whole.read(reader, part, path);
    },
  };
}
