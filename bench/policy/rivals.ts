// SPDX-License-Identifier: Apache-2.0
import type { BenchOptions } from "../harness/bench.js";
import type { Row } from "../harness/results.js";
import { measure, type Scenario, type Variant } from "../harness/runner.js";
import { wrk } from "../harness/wrk.js";
import { direct } from "../variants/direct.js";
import { ALLOWED_HEADERS, itemPath } from "../variants/policy.js";
import { envoyWith } from "../variants/proxies.js";
import { LEVELS, sockmesh } from "../variants/sockmesh.js";
import { missing } from "../variants/tools.js";

const RULES = 1_000;
const SCENARIO: Scenario = { name: "http 100 B c16, 1,000 rules", connections: 16, bodyBytes: 100 };

/** Whole requests with one rule and with many: sockmesh at each level, and Envoy's RBAC filter with the same patterns. */
export async function sideBySide({ smoke, rounds, seconds, progress }: BenchOptions): Promise<Row[]> {
  const noLoad = missing("wrk");
  if (noLoad) {
    progress(`without other proxies: ${noLoad}`);
    return [];
  }
  const wanted: Variant[] = [direct];
  for (const level of LEVELS)
    wanted.push(sockmesh(level, `${level} 1 rule`, 1), sockmesh(level, `${level} ${RULES} rules`, RULES));
  wanted.push(envoyWith("envoy 1 rule", 1), envoyWith(`envoy ${RULES} rules`, RULES));
  const variants: Variant[] = [];
  for (const variant of wanted) {
    const reason = await variant.unavailable();
    if (reason) progress(`without ${variant.name}: ${reason}`);
    else variants.push(variant);
  }
  const effort = { rounds: rounds ?? (smoke ? 1 : 5), seconds: seconds ?? (smoke ? 1 : 2), warmupSeconds: 1 };
  return measure([SCENARIO], variants, wrk(itemPath, ALLOWED_HEADERS), effort, progress);
}
