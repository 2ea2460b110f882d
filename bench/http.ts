// SPDX-License-Identifier: Apache-2.0
import type { Bench } from "./harness/bench.js";
import { idleMemory } from "./idle.js";
import { measure, type Effort, type Scenario, type Variant } from "./harness/runner.js";
import { wrk } from "./harness/wrk.js";
import { direct } from "./variants/direct.js";
import { ALLOWED_HEADERS, itemPath } from "./variants/policy.js";
import { envoy, haproxy, nginxProxy } from "./variants/proxies.js";
import { LEVELS, sockmesh } from "./variants/sockmesh.js";
import { missing } from "./variants/tools.js";

const KIB = 1024;
const MIB = 1024 * KIB;

const SIZES = [
  { bodyBytes: 100, name: "100 B", connections: [1, 16, 64] },
  { bodyBytes: 10 * KIB, name: "10 KiB", connections: [1, 16, 64] },
  { bodyBytes: MIB, name: "1 MiB", connections: [1, 16, 64] },
  { bodyBytes: 10 * MIB, name: "10 MiB", connections: [16] },
];

const SCENARIOS: readonly Scenario[] = SIZES.flatMap(({ bodyBytes, name, connections }) =>
  connections.map((count) => ({ name: `http ${name} c${count}`, connections: count, bodyBytes })),
);

const VARIANTS: readonly Variant[] = [
  direct,
  ...LEVELS.map((level) => sockmesh(level)),
  nginxProxy,
  haproxy,
  envoy,
];

/** HTTP/1.1 by wrk to nginx: with nothing between, sockmesh at each level, and other proxies with the same rule. */
export const http: Bench = async ({ smoke, rounds, seconds, progress }) => {
  const noLoad = missing("wrk");
  if (noLoad) throw new Error(noLoad);
  const effort: Effort = smoke
    ? { rounds: rounds ?? 2, seconds: seconds ?? 1, warmupSeconds: 1 }
    : { rounds: rounds ?? 5, seconds: seconds ?? 2, warmupSeconds: 1 };
  const scenarios = smoke ? SCENARIOS.filter((s) => s.bodyBytes === 100 && s.connections === 16) : SCENARIOS;
  const variants: Variant[] = [];
  for (const variant of VARIANTS) {
    const reason = await variant.unavailable();
    if (reason) progress(`without ${variant.name}: ${reason}`);
    else variants.push(variant);
  }
  const rows = await measure(scenarios, variants, wrk(itemPath, ALLOWED_HEADERS), effort, progress);
  const highest = variants.map(({ name }) => LEVELS.find((level) => level === name)).findLast(Boolean);
  if (!highest) throw new Error("sockmesh could not be measured at any level");
  progress(`memory of the sidecar at level ${highest}`);
  return [...rows, ...(await idleMemory(highest, 2_000))];
};
