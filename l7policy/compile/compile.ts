// SPDX-License-Identifier: Apache-2.0
import { MOST_CONDITIONS, MOST_REQUIREMENTS, TABLE_SIZES, TableFlag } from "../../core/table.js";
import { classesOf } from "../automaton/bytes.js";
import type { HttpRule } from "../model.js";
import { FieldAutomata } from "./fields.js";
import { Graph, TooLarge, UNSURE } from "./graph.js";
import { Plan } from "./plan.js";
import { requestGraph } from "./request.js";

/** Why the kernel cannot judge a rule set; TypeScript always can. */
export const TableReason = {
  /** More distinct hosts and headers than a requirement has bits. */
  tooManyConditions: "too-many-conditions",
  /** Too many rules with the same method and path that differ in other conditions. */
  tooManyRequirements: "too-many-requirements",
  /** The patterns make too many states together, or take too long. */
  tooManyStates: "too-many-states",
  /** The finished table is larger than the largest map value. */
  tableTooLarge: "table-too-large",
  /** A rule has a condition on the raw header Host; the kernel judges the host. */
  hostHeader: "host-header",
} as const;
export type TableReason = (typeof TableReason)[keyof typeof TableReason];

/** A rule set, or the conjunction of two, as the kernel and TypeScript run it. */
export interface CompiledTable {
  /** As core/table.ts lays it out. Complete also where the kernel may not run it; then it may be unsure of everything. */
  readonly bytes: Uint8Array;
  readonly kernel: { readonly eligible: true } | { readonly eligible: false; readonly reason: TableReason };
}

/**
 * Compiles rule sets that must all allow a request (one; or a client's egress and a service's ingress). Rules are
 * counted by their position in the first set. Never fails for size; throws SM_POLICY_REGEX for a bad pattern.
 */
export function compileTable(sets: readonly (readonly HttpRule[])[]): CompiledTable {
  const plan = new Plan(sets);
  return compilePlan(plan, new FieldAutomata(plan));
}

/** As `compileTable`, from what was made of the rule sets already. */
export function compilePlan(plan: Plan, automata: FieldAutomata): CompiledTable {
  if (plan.conditions > MOST_CONDITIONS) return unsure(TableReason.tooManyConditions);
  if (plan.headers.has("host")) return unsure(TableReason.hostHeader);
  let graph: Graph;
  try {
    graph = requestGraph(plan, automata);
  } catch (thrown) {
    if (thrown instanceof TooLarge) return unsure(thrown.reason);
    throw thrown;
  }
  const eligible = graph.longestList <= MOST_REQUIREMENTS;
  const bytes = graph.emit(eligible ? 0 : TableFlag.userSpaceOnly);
  if (bytes.length > TABLE_SIZES[TABLE_SIZES.length - 1]!) return unsure(TableReason.tableTooLarge);
  return {
    bytes,
    kernel: eligible ? { eligible } : { eligible, reason: TableReason.tooManyRequirements },
  };
}

/** A table that is unsure at the first byte. */
function unsure(reason: TableReason): CompiledTable {
  const graph = new Graph(classesOf([]), 16);
  graph.start = graph.line = graph.add();
  graph.set(graph.start, 0, UNSURE);
  return { bytes: graph.emit(TableFlag.userSpaceOnly), kernel: { eligible: false, reason } };
}
