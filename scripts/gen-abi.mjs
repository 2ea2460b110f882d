// SPDX-License-Identifier: Apache-2.0
// Writes sockmap/bpf/abi.gen.h from sockmap/abi.ts and core/outcome.ts; `--check` compares instead. Needs `npm run build`.
import { readFileSync, writeFileSync } from "node:fs";
import * as abi from "../dist/sockmap/abi.js";
import { Outcome, OUTCOME_SLOTS } from "../dist/core/outcome.js";
import * as table from "../dist/core/table.js";

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
    const [, element, count] = /^(\w+)(?:\[(\d+)\])?$/.exec(type);
    const declared = `${C_TYPE[element]} ${name}${count ? `[${count}]` : ""}`;
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
defines("STAGE", abi.Stage);
defines("SLOT_BITS", abi.SlotBits);
defines("BODY", abi.BodyKind);
defines("OUTCOME", Outcome);
defines("TABLE", {
  ...table.TableHeader,
  classes: table.TABLE_CLASSES,
  "version-number": table.TABLE_VERSION,
  "most-requirements": table.MOST_REQUIREMENTS,
  ...Object.fromEntries(table.TABLE_SIZES.map((size, i) => [`size-${i}`, size])),
});
defines("TABLE_FLAG", table.TableFlag);
defines("JUDGE", table.JudgeBound);
defines("ACTION", table.TableAction);
defines("ACTION_KIND", table.ActionKind);
defines("REQUIREMENT", table.TableRequirement);
defines("BIT", table.TableBit);
defines("COMMAND_ANSWER", table.CommandAnswer);
defines("ANSWER_LINE", table.AnswerLine);
defines("COMMAND", table.CommandBound);
lines.push(`#define ABI_DIGEST ${abi.abiDigest()}`);
lines.push(`#define OUTCOME_SLOTS ${OUTCOME_SLOTS}`, "", "#endif", "");

const path = new URL("../sockmap/bpf/abi.gen.h", import.meta.url);
const text = lines.join("\n");
if (!process.argv.includes("--check")) writeFileSync(path, text);
else if (readFileSync(path, "utf8") !== text) {
  console.error("sockmap/bpf/abi.gen.h is not what sockmap/abi.ts says: run `npm run gen`");
  process.exit(1);
}
