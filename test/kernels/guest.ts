// SPDX-License-Identifier: Apache-2.0
/** Runs inside a machine with another kernel: what loads there, what it costs, and the order test. Reports by lines. */
import { readFileSync } from "node:fs";
import { release, version } from "node:os";
import { DEFAULT_LIMITS } from "../../core/limits.js";
import { BpfObject, type ProgramCost } from "../../sockmap/driver.js";
import type { Level } from "../../sockmap/engine.js";
import { engineConfig, GUARD_PROGRAMS, kernelTracers, otherTracers } from "../../sockmap/load.js";
import { TestAgent } from "../support/cli.js";
import { OrderPrograms, runThroughAgent } from "../support/order.js";
import { runReader } from "./readers.js";
import { REPORT_MARK, type Report, type Task } from "./report.js";

const OBJECT = "engine.bpf.o";
const CREDIT = 64 << 10;
const MINUTE = 60_000;

function report(line: Report): void {
  process.stdout.write(`${REPORT_MARK}${JSON.stringify(line)}\n`);
}

function load(without: readonly string[]): BpfObject {
  const terms = { creditBytes: CREDIT, guard: true, limits: DEFAULT_LIMITS };
  const config = engineConfig(terms, 1n, true);
  return BpfObject.load({ object: OBJECT, config, without });
}

/** What all programs but some cost together; the message when they do not load. */
function costs(without: readonly string[]): readonly ProgramCost[] | string {
  try {
    const object = load(without);
    const found = object.costs();
    object.close();
    return found;
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

/** Where they do not all load together, each is loaded alone: one that fails keeps no other from loading. */
function programs(): readonly string[] {
  const lacking = otherTracers(kernelTracers());
  const names = BpfObject.programs(OBJECT).filter((name) => !lacking.includes(name));
  const all = costs(lacking);
  const loaded: string[] = [];
  for (const program of names) {
    const others = names.filter((other) => other !== program);
    const found = typeof all === "string" ? costs([...others, ...lacking]) : all;
    const verified =
      typeof found === "string" ? undefined : found.find((cost) => cost.name === program)?.verified;
    if (verified === undefined) report({ program, failed: typeof found === "string" ? found : "?" });
    else report({ program, verified });
    if (verified !== undefined) loaded.push(program);
  }
  for (const program of lacking) report({ program, failed: "another kernel's" });
  return loaded;
}

async function engine(): Promise<readonly Level[]> {
  const agent = await TestAgent.start("", { level: "splice" }, [], { timeout: 10 * MINUTE });
  try {
    const { name, level, because } = (await agent.status()).engine;
    report({ engine: name, level, because: because ?? "" });
    const all: readonly Level[] = ["off", "shortcut", "splice"];
    return all.slice(0, all.indexOf(level) + 1);
  } finally {
    await agent.stop();
  }
}

/** Runs the order test at one level for about so many seconds: a short run tells how many requests the long one may have. */
async function order(
  files: OrderPrograms,
  level: Level,
  tracing: boolean,
  { seconds, seed }: Task,
): Promise<void> {
  let requests = 500;
  for (const share of [0, 1]) {
    const started = performance.now();
    const terms = {
      seed: seed + share,
      requests,
      connections: 8,
      timeout: (seconds + 600) * 1000,
      patience: 180,
      tracing,
      trusting: tracing,
      creditBytes: CREDIT,
    };
    const { client, service, said, status } = await runThroughAgent(files, level, terms);
    const took = (performance.now() - started) / 1000;
    report({
      order: level,
      seed: terms.seed,
      requests: client?.requests ?? 0,
      answered: client?.answered ?? 0,
      errors: (client?.errors ?? 1) + (client?.stuck ?? 1) + (service?.errors ?? 1),
      reached: status.totals.outcomes[level] ?? 0,
      fast: status.totals.outcomes.fast ?? 0,
      seconds: Math.round(took),
      said: said.slice(0, 2000),
    });
    const rate = (client?.requests ?? 0) / (client?.seconds ?? 1);
    requests = Math.max(500, Math.round(rate * (seconds - took)));
  }
}

const task = JSON.parse(readFileSync("task.json", "utf8")) as Task;
report({ release: release(), version: version() });
const loaded = programs();
const guarded = GUARD_PROGRAMS.every((program) => loaded.includes(program));
const files = new OrderPrograms("order");
const levels = await engine();
const tracing = levels.includes("splice");
for (const level of levels.filter((one) => one !== "off")) {
  // Nobody would see that the other waits for ever.
  if (guarded) report(await runReader("splice", level));
  report(await runReader("asking", level));
}
for (const level of levels) if (task.seconds > 0) await order(files, level, tracing, task);
