// SPDX-License-Identifier: Apache-2.0
import { outcomeName, OUTCOME_SLOTS, type OutcomeName } from "../core/outcome.js";
import { layoutOf, TALLY, Total } from "./abi.js";
import type { BpfObject } from "./driver.js";
import type { EngineTotals, SplicedTotals } from "./engine.js";
import { u32Key } from "./structs.js";

const LAYOUT = layoutOf(TALLY);
const WORDS = LAYOUT.size / 8;
const at = (name: string): number => (LAYOUT.offset[name] ?? 0) / 8;
const CLASSES = 8;
const BUCKETS = 32;

/** Sums what the kernel counted of spliced requests, over all tallies that were given to rules. */
export function readTallies(
  object: BpfObject,
  { tallies: count, groups }: { readonly tallies: number; readonly groups: ReadonlyMap<number, string> },
): SplicedTotals {
  const byGroup: Record<string, number> = {};
  const cpus = object.cpus();
  const values = new BigUint64Array(WORDS * cpus);
  const bytes = new Uint8Array(values.buffer);
  const tallies = object.map("tallies");
  const sum = new Array<number>(WORDS).fill(0);
  for (let tally = 0; tally < count; tally++) {
    tallies.lookup(u32Key(tally), bytes);
    const group = groups.get(tally);
    if (group !== undefined) {
      let requests = byGroup[group] ?? 0;
      for (let i = at("requests"); i < values.length; i += WORDS) requests += Number(values[i]);
      byGroup[group] = requests;
    }
    for (let i = 0; i < values.length; i++) sum[i % WORDS] = (sum[i % WORDS] ?? 0) + Number(values[i]);
  }
  return {
    requests: sum[at("requests")] ?? 0,
    classes: sum.slice(at("classes"), at("classes") + CLASSES),
    latency: sum.slice(at("latency"), at("latency") + BUCKETS),
    groups: byGroup,
  };
}

/** Sums what the kernel counted of outcomes and bytes, over all processors. */
export function readCounters(object: BpfObject): Pick<EngineTotals, "outcomes" | "kernelBytes" | "tcpBytes"> {
  const values = new BigUint64Array(object.cpus());
  const bytes = new Uint8Array(values.buffer);
  const counters = object.map("counters");
  const read = (counter: number): number =>
    counters.lookup(u32Key(counter), bytes) ? Number(values.reduce((sum, value) => sum + value, 0n)) : 0;
  const outcomes: Partial<Record<OutcomeName, number>> = {};
  for (let number = 0; number < OUTCOME_SLOTS; number++) {
    const name = outcomeName(number);
    const value = name ? read(number) : 0;
    if (name && value) outcomes[name] = value;
  }
  return { outcomes, kernelBytes: read(Total.fastBytes), tcpBytes: read(Total.tcpBytes) };
}
