// SPDX-License-Identifier: Apache-2.0
import { Command, InvalidArgumentError } from "commander";
import { Exit } from "./exit.js";
import { print, printJson } from "./output.js";

interface Flags {
  readonly json: boolean;
  readonly seconds: number;
}

/** `sockmesh demo`: a service, two clients, one policy, and what each level costs. */
export function demoCommand(): Command {
  return new Command("demo")
    .description("a small service, two clients, one policy, and what it costs")
    .option("--json", "print JSON instead of tables", false)
    .option("--seconds <n>", "length of one measurement; there are three of each level", seconds, 1)
    .addHelpText(
      "after",
      `
Starts an agent of its own with the files of examples/http, on free ports of the loopback, and stops it again.
Exit code 1 when a request was answered other than the policy makes expected.

Examples:
  sockmesh demo
  sockmesh demo --json | jq .levels`,
    )
    .action(demo);
}

async function demo(flags: Flags): Promise<void> {
  const [{ startStage }, { tryRequests }, { loadTool, measureLevels }, picture] = await Promise.all([
    import("./demo/stage.js"),
    import("./demo/requests.js"),
    import("./demo/measure.js"),
    import("./demo/picture.js"),
  ]);
  const began = performance.now();
  const progress = (line: string): void =>
    void process.stderr.write(`[${((performance.now() - began) / 1000).toFixed(0).padStart(2)} s] ${line}\n`);
  progress("starting the agent");
  const stage = await startStage();
  try {
    const { name, level, because } = stage.agent.engine;
    progress(`${name} engine, level ${level}${because ? `: ${because}` : ""}`);
    progress("asking the shop, as frontend and as guest");
    const requests = await tryRequests(stage);
    if (!flags.json) await print(picture.requestTable(requests));
    const tool = loadTool();
    progress(`measuring with ${tool.name}`);
    const levels = await measureLevels(stage, tool.load, flags.seconds, progress);
    if (flags.json) await printJson({ requests, levels });
    else await print(picture.levelTable(levels, tool.name, because));
    if (requests.some(({ expected, got }) => expected !== got)) process.exitCode = Exit.no;
  } finally {
    await stage.stop();
  }
}

function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 60)
    throw new InvalidArgumentError("a whole number from 1 to 60");
  return value;
}
