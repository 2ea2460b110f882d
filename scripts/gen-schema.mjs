// SPDX-License-Identifier: Apache-2.0
// Writes schema/*.gen.json, the JSON Schemas that editors use, from the field tables of the parser; needs `npm run build`.
import { mkdirSync, writeFileSync } from "node:fs";
import { caseSchema } from "../dist/l7policy/cases/cases.js";
import { worldFile } from "../dist/l7policy/cases/world.js";
import { policySchema } from "../dist/l7policy/parse/documents.js";

const folder = new URL("../schema/", import.meta.url);
mkdirSync(folder, { recursive: true });
const draft = "https://json-schema.org/draft/2020-12/schema";
for (const [name, schema] of [
  ["policy", policySchema()],
  ["policy-test", caseSchema()],
  [
    "endpoints",
    { $schema: draft, title: "Who there is, for sockmesh policy --endpoints", ...worldFile.schema },
  ],
])
  writeFileSync(new URL(`${name}.gen.json`, folder), `${JSON.stringify(shared(schema), null, 1)}\n`);

/** Parts that stand several times stand once, under $defs. */
function shared(schema) {
  const texts = new Map();
  const count = (value) => {
    if (value === null || typeof value !== "object") return;
    if (!Array.isArray(value) && value.type === "object") {
      const text = JSON.stringify({ ...value, description: undefined });
      texts.set(text, (texts.get(text) ?? 0) + 1);
    }
    for (const part of Object.values(value)) count(part);
  };
  count(schema);
  const names = new Map(
    [...texts].filter(([, times]) => times > 1).map(([text], i) => [text, `part${i + 1}`]),
  );
  const replace = (value, top) => {
    if (value === null || typeof value !== "object") return value;
    if (Array.isArray(value)) return value.map((part) => replace(part, false));
    const name = top ? undefined : names.get(JSON.stringify({ ...value, description: undefined }));
    if (name)
      return { ...(value.description ? { description: value.description } : {}), $ref: `#/$defs/${name}` };
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, replace(part, false)]));
  };
  const $defs = Object.fromEntries([...names].map(([text, name]) => [name, replace(JSON.parse(text), true)]));
  const { $schema, title, ...rest } = schema;
  return { $schema, title, ...replace(rest, true), ...(names.size > 0 ? { $defs } : {}) };
}
