// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "./harness/bench.js";
import { cpuUs, messagePrograms } from "./harness/cpu.js";
import { figure, type Row } from "./harness/results.js";
import {
  median,
  ratio,
  sample,
  summarise,
  type Effort,
  type Load,
  type Sample,
  type Scenario,
} from "./harness/runner.js";
import { wrk } from "./harness/wrk.js";
import { direct } from "./variants/direct.js";
import { ALLOWED_HEADERS, itemPath } from "./variants/policy.js";
import { OTHER_PATH, OTHER_PATHS, writtenPath } from "./variants/service.js";
import { envoy } from "./variants/proxies.js";
import { sockmesh, startSockmesh } from "./variants/sockmesh.js";
import { missing } from "./variants/tools.js";

const MIB = 1024 * 1024;
const STATS = "/proc/sys/kernel/bpf_stats_enabled";
const [OFF, SPLICE] = [sockmesh("off"), sockmesh("splice")];
/** No request is looked at: what moving the bytes alone can reach here, and what judging costs of it. */
const OPEN = sockmesh("splice", "ports only", 0);
const [FEW, MANY] = [sockmesh("splice", "10 rules", 10), sockmesh("splice", "10,000 rules", 10_000)];

/**
 * Requests that take turns: `change` is Lua that may change the `headers` of number `i`, `path` what its path is (nil: the
 * same).
 */
const inTurn = (count: number, path: string, change: string): string => `
local requests, at = {}, 0
init = function()
  for i = 1, ${count} do
    local headers = {}
    for name, value in pairs(wrk.headers) do headers[name] = value end
    ${change}
    requests[i] = wrk.format(nil, ${path}, headers)
  end
end
request = function()
  at = at % ${count} + 1
  return requests[at]
end
`;
/** Every twentieth request has two spaces before a header's value: plain HTTP, but nothing that the kernel is sure of. */
const UNSURE_MIX = inTurn(
  20,
  "nil",
  'if i == 20 then for name, value in pairs(headers) do headers[name] = " " .. value end end',
);
/** A thousand requests that differ in their path, or in a header that no rule looks at. */
const DIFFERENT_PATHS = inTurn(OTHER_PATHS, `"${OTHER_PATH}" .. (${OTHER_PATHS} + i - 1)`, "");
const DIFFERENT_HEADERS = inTurn(
  OTHER_PATHS,
  "nil",
  'headers["X-Request-Id"] = string.format("%08x", i * 7919)',
);
/** Makes the head of a request 150 bytes long. */
const PADDING = `User-Agent: ${"bench ".repeat(10)}`;

const p50 = ({ p50us }: Sample): number => p50us;
const cpu = ({ cpuUsPerRequest }: Sample): number => cpuUsPerRequest;

/** Level splice against no proxy, against level off and against Envoy: wrk to nginx, method, path regex and a header rule. */
export const splice: Bench = async ({ smoke, rounds, seconds, progress }) => {
  const lacking = missing("wrk") ?? (await SPLICE.unavailable());
  if (lacking) throw new Error(lacking);
  const effort: Effort = smoke
    ? { rounds: rounds ?? 1, seconds: seconds ?? 1, warmupSeconds: 1 }
    : { rounds: rounds ?? 5, seconds: seconds ?? 2, warmupSeconds: 2 };
  const plain = wrk(itemPath, ALLOWED_HEADERS);
  const withoutEnvoy = await envoy.unavailable();
  if (withoutEnvoy) progress(`without Envoy: ${withoutEnvoy}`);
  const rows: Row[] = [];
  const measures: Row[] = [];
  const run = async (
    name: string,
    connections: number,
    variants: Parameters<typeof sample>[1],
    load = plain,
    bodyBytes = 100,
  ): Promise<
    (what: string, goal: string, one: string, other: string, of?: (s: Sample) => number) => void
  > => {
    const scenario: Scenario = { name, connections, bodyBytes };
    // Of large bodies, few come in a second.
    const seconds = bodyBytes < MIB ? effort.seconds : 2 * effort.seconds;
    const samples = await sample(scenario, variants, load, { ...effort, seconds }, progress);
    rows.push(...summarise(scenario, samples));
    return (what, goal, one, other, of) => {
      const found = ratio(samples, one, other, of);
      const spread = `${found.least.toFixed(2)} to ${found.greatest.toFixed(2)}`;
      measures.push(
        figure(what, one, Number(found.median.toFixed(2)), "", `goal ${goal}, ${spread}`, connections),
      );
    };
  };

  const sixteen = await run("splice c16", 16, [direct, OFF, SPLICE, OPEN, ...(withoutEnvoy ? [] : [envoy])]);
  sixteen("splice / direct", ">= 1.3", "splice", "direct");
  sixteen("splice / direct, p50", "<= 0.8", "splice", "direct", p50);
  sixteen("splice / direct, CPU of a request", "<= 0.8", "splice", "direct", cpu);
  sixteen("ports only / direct", "none: the bound of the above", OPEN.name, "direct");
  sixteen("splice / off", ">= 3.5", "splice", "off");
  if (!withoutEnvoy) sixteen("splice / Envoy", ">= 10", "splice", "envoy");
  if (!smoke) {
    const many = await run("splice c64", 64, [direct, SPLICE]);
    many("splice / direct", ">= 1.3", "splice", "direct");
    const one = await run("splice c1", 1, [direct, SPLICE]);
    one("splice / direct", ">= 1.05", "splice", "direct");
    for (const [what, more] of [
      ["another path each time", DIFFERENT_PATHS],
      ["another header each time", DIFFERENT_HEADERS],
    ] as const) {
      const differ = await run(`splice, ${what}`, 16, [direct, SPLICE], wrk(itemPath, ALLOWED_HEADERS, more));
      differ(`splice / direct, ${what}`, "none: above, the same head comes again", "splice", "direct");
    }
    const mix = await run("splice 5 % unsure", 16, [OFF, SPLICE], wrk(itemPath, ALLOWED_HEADERS, UNSURE_MIX));
    mix("splice / off, 5 % unsure", ">= 2", "splice", "off");
    const written = wrk(writtenPath, ALLOWED_HEADERS);
    for (const [how, load] of [
      ["written", written],
      ["by sendfile(2)", plain],
    ] as const)
      for (const mib of [1, 10]) {
        const large = await run(`splice ${mib} MiB ${how}`, 16, [direct, SPLICE], load, mib * MIB);
        large(`splice / direct, ${mib} MiB ${how}`, ">= 1.0", "splice", "direct");
      }
    const rules = await run("splice rules", 16, [FEW, MANY]);
    rules("10,000 rules / 10 rules", ">= 0.9", MANY.name, FEW.name);
  }
  measures.push(...(await costs(effort)));
  return [...rows, ...measures];
};

/** What the programs and the sidecar cost while everything is moved by the kernel. */
async function costs({ rounds, seconds }: Effort): Promise<Row[]> {
  const headers = [...ALLOWED_HEADERS, PADDING];
  const load = wrk(itemPath, headers);
  const scenario: Scenario = { name: "splice costs", connections: 16, bodyBytes: 100 };
  const target = await startSockmesh("splice");
  const before = readFileSync(STATS, "latin1");
  try {
    // From a time on when connections and client have started.
    const running = load(target, scenario, seconds + 3);
    await sleep(2000);
    const sidecar = cpuUs([target.agentPid]);
    await sleep(seconds * 1000);
    const share = (cpuUs([target.agentPid]) - sidecar) / (seconds * 1e6);
    await running;
    writeFileSync(STATS, "1");
    const perMessage = async (what: string, note: string, load: Load): Promise<Row> => {
      const found: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const start = messagePrograms(target.agentPid);
        await load(target, scenario, seconds);
        const end = messagePrograms(target.agentPid);
        found.push(Math.round((end.ns - start.ns) / (end.runs - start.runs)));
      }
      const spread = `${note}, ${Math.min(...found)} to ${Math.max(...found)}`;
      return figure(`sk_msg program per message${what}`, "splice", median(found), "ns", spread, 16);
    };
    return [
      await perMessage("", "goal <= 450; mean of requests and answers", load),
      await perMessage(", another path each time", "likewise", wrk(itemPath, headers, DIFFERENT_PATHS)),
      await perMessage(", another header each time", "likewise", wrk(itemPath, headers, DIFFERENT_HEADERS)),
      figure("sidecar", "splice", Number((share * 100).toFixed(2)), "% of a core", "goal <= 1", 16),
    ];
  } finally {
    writeFileSync(STATS, before);
    await target.stop();
  }
}
