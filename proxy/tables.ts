// SPDX-License-Identifier: Apache-2.0
import { compileTable } from "../l7policy/compile/compile.js";
import { compileMemcached, GROUPS } from "../l7policy/compile/memcached.js";
import { answerTable } from "../l7policy/compile/memcached-answers.js";
import { responseTable } from "../l7policy/compile/response.js";
import type { MemcachedRule } from "../l7policy/families/model.js";
import type { HttpRule } from "../l7policy/model.js";
import type { Table, Tables } from "../sockmap/engine.js";
import type { L7RuleSet, Terms } from "./parties.js";

/** Nothing is inspected: the kernel may move whole streams. */
export const OPAQUE: Tables = { requests: undefined, responses: undefined };

/** Nothing that the kernel may move: every request is the sidecar's to judge. */
const NONE: Table = { id: "none", bytes: new Uint8Array(0), kernel: false, rules: 0 };

/** Tables of single sets, and of two that must both allow. They go with the sets, which go with the last policy that has them. */
const single = new WeakMap<L7RuleSet, Table>();
const pairs = new WeakMap<L7RuleSet, WeakMap<L7RuleSet, Table>>();

/** A request of any kind; where all is allowed on a connection whose messages are told apart. */
const ANY: HttpRule = {
  at: { file: "", line: 0, column: 0 },
  method: undefined,
  path: undefined,
  host: undefined,
  headers: [],
};

const ANY_COMMAND: MemcachedRule = { at: ANY.at, commands: undefined, keys: undefined, hides: false };

/** What the kernel counts of memcached: groups of commands, not rules. */
const COUNTED = { rules: GROUPS.length, groups: GROUPS.map((group) => `memcached ${group}`) };

/** What the kernel judges a connection with. `protocol`: by which its messages are told apart; undefined when they are not. */
export function tablesOf(terms: Terms, protocol: string | undefined): Tables {
  if (protocol === undefined) return OPAQUE;
  if (protocol === "http") return { requests: requestTable(terms), responses: responses() };
  if (protocol !== "memcached") return { requests: NONE, responses: NONE };
  return { requests: commandTable(terms), responses: commandAnswers(), memcached: true };
}

function requestTable(terms: Terms): Table {
  if (terms.kind === "deny") return NONE;
  const [first, second] = terms.kind === "l7" ? terms.sets : [];
  if (!first) return (any ??= { id: "any", ...forKernel(compileTable([[ANY]])), rules: 1 });
  if (!second) return remembered(single, first, () => tableOf(first.id, first, first.table));
  let others = pairs.get(first);
  if (!others) pairs.set(first, (others = new WeakMap()));
  return remembered(others, second, () => tableOf(`${first.id}+${second.id}`, first, first.joined?.(second)));
}

function commandTable(terms: Terms): Table {
  if (terms.kind === "deny") return NONE;
  const [first, second] = terms.kind === "l7" ? terms.sets : [];
  if (!first)
    return (anyCommand ??= {
      id: "any command",
      ...forKernel(compileMemcached([[ANY_COMMAND]])),
      ...COUNTED,
    });
  const table = (id: string, compiled: Compiled | undefined): Table =>
    compiled ? { id, ...forKernel(compiled), ...COUNTED } : NONE;
  if (!second) return remembered(single, first, () => table(first.id, first.table));
  let others = pairs.get(first);
  if (!others) pairs.set(first, (others = new WeakMap()));
  return remembered(others, second, () => table(`${first.id}+${second.id}`, first.joined?.(second)));
}

function remembered(tables: WeakMap<L7RuleSet, Table>, set: L7RuleSet, make: () => Table): Table {
  let table = tables.get(set);
  if (!table) tables.set(set, (table = make()));
  return table;
}

/** Undefined: rules that only TypeScript can judge, or that ask for more than a verdict. */
function tableOf(id: string, { rules }: L7RuleSet, compiled: Compiled | undefined): Table {
  return compiled ? { id, ...forKernel(compiled), rules: rules?.length ?? 0 } : NONE;
}

type Compiled = ReturnType<typeof compileTable>;

function forKernel({ bytes, kernel }: Compiled): { bytes: Uint8Array; kernel: boolean } {
  return { bytes, kernel: kernel.eligible };
}

/** Made once: the same for all. */
function responses(): Table {
  return (answers ??= { id: "http responses", bytes: responseTable(), kernel: true, rules: 0 });
}

function commandAnswers(): Table {
  return (lines ??= { id: "memcached answers", bytes: answerTable(), kernel: true, rules: 0 });
}

let any: Table | undefined;
let anyCommand: Table | undefined;
let lines: Table | undefined;
let answers: Table | undefined;
