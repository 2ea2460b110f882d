// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { compileTable } from "../l7policy/compile/compile.js";
import { responseTable } from "../l7policy/compile/response.js";
import type { HttpRule } from "../l7policy/model.js";
import type { Table, Tables } from "../sockmap/engine.js";
import type { L7RuleSet, Terms } from "./parties.js";

/** Nothing is inspected: the kernel may move whole streams. */
export const OPAQUE: Tables = { requests: undefined, responses: undefined };

/** By the ids of the rule sets that hold together. */
const known = new Map<string, Table>();

/** A request of any kind; where all is allowed on a connection whose messages are told apart. */
const ANY: HttpRule = {
  at: { file: "", line: 0, column: 0 },
  method: undefined,
  path: undefined,
  host: undefined,
  headers: [],
};

/** What the kernel judges a connection with. `inspected`: its messages are told apart. */
export function tablesOf(terms: Terms, inspected: boolean): Tables {
  if (!inspected) return OPAQUE;
  const sets = terms.kind === "l7" ? terms.sets : [];
  return { requests: requestTable(sets), responses: responses() };
}

function requestTable(sets: readonly L7RuleSet[]): Table {
  const id = sets.map((set) => set.id).join("+") || "any";
  let table = known.get(id);
  if (!table) {
    const [only, another] = sets;
    const rules = only ? sets.map((set) => set.rules ?? []) : [[ANY]];
    const { bytes, kernel } = (another ? undefined : only?.table) ?? compileTable(rules);
    table = { id, bytes, kernel: kernel.eligible, rules: rules[0]?.length ?? 0 };
    known.set(id, table);
  }
  return table;
}

function responses(): Table {
  let table = known.get("responses");
  if (!table) {
    const bytes = responseTable();
    table = { id: createHash("sha256").update(bytes).digest("hex"), bytes, kernel: true, rules: 0 };
    known.set("responses", table);
  }
  return table;
}
