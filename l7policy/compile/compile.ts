// SPDX-License-Identifier: Apache-2.0
import { MOST_CONDITIONS, MOST_REQUIREMENTS, TABLE_SIZES, TableFlag } from "../../core/table.js";
import type { HttpRule } from "../model.js";
import { HttpAutomata } from "./automata.js";
import { emit, tableSize } from "./emit.js";
import { Graph, TooLarge, type Rows } from "./graph.js";
import { Plan } from "./plan.js";
import { reduce } from "./reduce.js";
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
  return compilePlan(new Plan(sets, new HttpAutomata()));
}

/** As `compileTable`, from rule sets that were taken apart already. */
export function compilePlan(plan: Plan): CompiledTable {
  if (plan.conditions > MOST_CONDITIONS) return unsure(TableReason.tooManyConditions);
  if (plan.headers.has("host")) return unsure(TableReason.hostHeader);
  let rows: Rows;
  try {
    rows = reduce(requestGraph(plan));
  } catch (thrown) {
    if (thrown instanceof TooLarge) return unsure(thrown.reason);
    throw thrown;
  }
  if (tableSize(rows) > TABLE_SIZES[TABLE_SIZES.length - 1]!) return unsure(TableReason.tableTooLarge);
  const eligible = rows.lists.every((list) => list.length <= MOST_REQUIREMENTS);
  const bytes = emit(rows, eligible ? 0 : TableFlag.userSpaceOnly);
  return {
    bytes,
    kernel: eligible ? { eligible } : { eligible, reason: TableReason.tooManyRequirements },
  };
}

/** A table that is unsure at the first byte. */
export function unsure(reason: TableReason): CompiledTable {
  const graph = new Graph(3);
  graph.start = graph.line = graph.add();
  return { bytes: emit(reduce(graph), TableFlag.userSpaceOnly), kernel: { eligible: false, reason } };
}
