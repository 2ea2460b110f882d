// SPDX-License-Identifier: Apache-2.0
import { compileTable } from "../l7policy/compile/compile.js";
import { responseTable } from "../l7policy/compile/response.js";
import type { HttpRule } from "../l7policy/model.js";
import type { Table, Tables } from "../sockmap/engine.js";
import type { L7RuleSet, Terms } from "./parties.js";

/** Nothing is inspected: the kernel may move whole streams. */
export const OPAQUE: Tables = { requests: undefined, responses: undefined };

/** Judged in TypeScript only: the kernel moves nothing. */
const NOT_LOADED: Table = { id: "none", bytes: new Uint8Array(0), kernel: false, rules: 0 };
const UNJUDGED: Tables = { requests: NOT_LOADED, responses: NOT_LOADED };

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

/** What the kernel judges a connection with. `protocol`: by which its messages are told apart; undefined when they are not. */
export function tablesOf(terms: Terms, protocol: string | undefined): Tables {
  if (protocol === undefined) return OPAQUE;
  if (protocol !== "http") return UNJUDGED;
  const sets = terms.kind === "l7" ? terms.sets : [];
  return { requests: requestTable(sets), responses: responses() };
}

function requestTable(sets: readonly L7RuleSet[]): Table {
  const id = sets.map((set) => set.id).join("+") || "any";
  let table = known.get(id);
  if (!table) known.set(id, (table = compiled(id, sets)));
  return table;
}

function compiled(id: string, sets: readonly L7RuleSet[]): Table {
  const [only, another] = sets;
  const rules = only ? sets.map((set) => set.rules) : [[ANY]];
  // Rules that only TypeScript can judge, or that ask for more than a verdict.
  if (!rules.every((of) => of !== undefined)) return { id, bytes: NOTHING, kernel: false, rules: 0 };
  const { bytes, kernel } = (another ? undefined : only?.table) ?? compileTable(rules);
  return { id, bytes, kernel: kernel.eligible, rules: rules[0]?.length ?? 0 };
}

/** Made once: the same for all. */
function responses(): Table {
  return (answers ??= { id: "http responses", bytes: responseTable(), kernel: true, rules: 0 });
}

let answers: Table | undefined;
const NOTHING = new Uint8Array(0);
