// SPDX-License-Identifier: Apache-2.0
import { RuleSetCache } from "../../l7policy/ruleset.js";
import type { HttpRuleSet } from "../../l7policy/compile/http.js";
import type { FieldSpans } from "../../protocols/fields.js";
import { figure, type Row } from "../harness/results.js";
import { median } from "../harness/runner.js";
import { allowedRequest, PATH_BYTES, pathRules } from "./rules.js";

/** Rules of the largest set, and how many requests take turns, so that the table is not all in the processor's cache. */
const MANY = 10_000;
const FEW = 10;
const REQUESTS = 1_000;

interface Contender {
  readonly name: string;
  readonly set: HttpRuleSet;
  readonly requests: readonly FieldSpans[];
  readonly times: number[];
}

/**
 * Time of one verdict with few and with many rules, requests spread over all of them. Contenders take turns within a
 * round, ratios are taken within one.
 */
export function verdicts(rounds: number, each: number): Row[] {
  const few = contender("10 rules", FEW, true);
  const many = contender("10,000 rules", MANY, true);
  const lazy = contender("10,000 rules, no table", MANY, false);
  const all = [few, many, lazy];
  for (const one of all) time(one, each); // warm
  for (let round = 0; round < rounds; round++) for (const one of all) one.times.push(time(one, each));
  const note = `CPU time, ${rounds} rounds of ${each}, paths of ${PATH_BYTES} bytes, requests spread over all rules`;
  const rows = all.map(({ name, times }) => figure("verdict", name, Math.round(median(times)), "ns", note));
  const ratio = median(many.times.map((ns, round) => ns / (few.times[round] ?? NaN)));
  return [
    ...rows,
    figure("verdict", "10,000 rules to 10", Number(ratio.toFixed(2)), "x", "ratio within a round; goal 1.2"),
  ];
}

function contender(name: string, rules: number, table: boolean): Contender {
  const step = MANY / rules;
  const set = new RuleSetCache().http(pathRules(rules, step));
  if (table && !set.table.kernel.eligible) throw new Error(`${name}: ${set.table.kernel.reason}`);
  // A stride without a common divisor: neighbours in time are no neighbours in the table.
  const requests = Array.from({ length: REQUESTS }, (_, i) =>
    allowedRequest(Math.floor((((i * 619) % REQUESTS) / REQUESTS) * rules) * step),
  );
  return { name, set, requests, times: [] };
}

/** Nanoseconds of one verdict, as CPU time: what others run meanwhile does not count. */
function time({ name, set, requests }: Contender, count: number): number {
  let allowed = 0;
  const start = process.cpuUsage();
  for (let i = 0; i < count; i++) if (set.judge(requests[i % REQUESTS] as FieldSpans)) allowed++;
  const { user, system } = process.cpuUsage(start);
  const ns = ((user + system) * 1000) / count;
  if (allowed !== count) throw new Error(`${name}: ${allowed} of ${count} were allowed`);
  return ns;
}
