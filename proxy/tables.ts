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

/** Terms whose table another thread is compiling: until it is there, every request is the sidecar's to judge. */
const waiting = new WeakSet<Terms>();

/** True when the tables of some terms were not there when they were asked for last. */
export function isWaiting(terms: Terms): boolean {
  return waiting.has(terms);
}

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
  return judgeTable(terms, first, second, { rules: first.rules?.length ?? 0 });
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
  return judgeTable(terms, first, second, COUNTED);
}

/** The table of one set, or of two that must both allow. */
function judgeTable(
  terms: Terms,
  first: L7RuleSet,
  second: L7RuleSet | undefined,
  counted: Pick<Table, "rules" | "groups">,
): Table {
  const known = second ? pairs.get(first)?.get(second) : single.get(first);
  if (known) return known;
  const compiled = second ? first.joined?.(second) : first.table;
  if (compiled === "later") {
    waiting.add(terms);
    return NONE;
  }
  waiting.delete(terms);
  const id = second ? `${first.id}+${second.id}` : first.id;
  // Undefined: rules that only TypeScript can judge, or that ask for more than a verdict.
  const table = compiled ? { id, ...forKernel(compiled), ...counted } : NONE;
  if (second) {
    let others = pairs.get(first);
    if (!others) pairs.set(first, (others = new WeakMap()));
    others.set(second, table);
  } else single.set(first, table);
  return table;
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
