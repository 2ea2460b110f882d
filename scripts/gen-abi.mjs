// SPDX-License-Identifier: Apache-2.0
// Writes sockmap/bpf/abi.gen.h from sockmap/abi.ts and core/outcome.ts; `--check` compares instead. Needs `npm run build`.
import { readFileSync, writeFileSync } from "node:fs";
import * as abi from "../dist/sockmap/abi.js";
import { Outcome, OUTCOME_SLOTS } from "../dist/core/outcome.js";

const C_TYPE = { u8: "__u8", u16: "__u16", u32: "__u32", u64: "__u64" };
const constant = (prefix, name) => `${prefix}_${name.replace(/[^a-zA-Z0-9]+/g, "_").toUpperCase()}`;
const lines = [
  "/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */",
  "/* Written by scripts/gen-abi.mjs from sockmap/abi.ts and core/outcome.ts. Do not edit. */",
  "#ifndef SOCKMESH_ABI_GEN_H",
  "#define SOCKMESH_ABI_GEN_H",
  "",
];
const defines = (prefix, values) => {
  for (const [name, value] of Object.entries(values))
    lines.push(`#define ${constant(prefix, name)} ${value}`);
  lines.push("");
};
for (const struct of abi.STRUCTS) {
  const { size } = abi.layoutOf(struct);
  lines.push(`/* ${struct.about} */`, `struct ${struct.name} {`);
  for (const [name, type, about] of struct.fields) {
    const array = /^u8\[(\d+)\]$/.exec(type);
    const declared = array ? `__u8 ${name}[${array[1]}]` : `${C_TYPE[type]} ${name}`;
    lines.push(`\t${declared};${about ? ` /* ${about} */` : ""}`);
  }
  lines.push(
    "};",
    `_Static_assert(sizeof(struct ${struct.name}) == ${size}, "layout of ${struct.name}");`,
    "",
  );
}
defines("RECORD", abi.RecordFlag);
defines("LEVEL", abi.Level);
defines("GROUP", abi.GroupKind);
defines("TOTAL", abi.Total);
defines("SIZE", abi.Size);
defines("OUTCOME", Outcome);
lines.push(`#define OUTCOME_SLOTS ${OUTCOME_SLOTS}`, "", "#endif", "");

const path = new URL("../sockmap/bpf/abi.gen.h", import.meta.url);
const text = lines.join("\n");
if (!process.argv.includes("--check")) writeFileSync(path, text);
else if (readFileSync(path, "utf8") !== text) {
  console.error("sockmap/bpf/abi.gen.h is not what sockmap/abi.ts says: run `npm run gen`");
  process.exit(1);
}
