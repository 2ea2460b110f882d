// SPDX-License-Identifier: Apache-2.0
import { Command } from "commander";
import { benchCommand } from "../bench/command.js";
import { completionCommand } from "./completion.js";
import { demoCommand } from "./demo.js";
import { doctorCommand } from "./doctor.js";
import { execCommand } from "./exec.js";
import { labelCommand } from "./label.js";
import { policyCommand } from "./policy.js";
import { runCommand } from "./run.js";
import { statusCommand } from "./status.js";
import { VERSION } from "./version.js";

/**
 * The whole command line. Commands that change something are verbs, those that only read are nouns.
 * Nothing here exits the process: errors are thrown, `main.ts` turns them into exit codes.
 */
export function program(): Command {
  const root = new Command("sockmesh")
    .enablePositionalOptions()
    .description("a sidecar that inspects byte streams and lets the kernel move what policy allows")
    .version(VERSION)
    .addHelpText(
      "after",
      `
Examples:
  sockmesh demo                          a small service, two clients, one policy, and what it costs
  sockmesh run --policies ./policies     agent and sidecar on this machine
  sockmesh exec --label app=backend -- node server.js
  sockmesh policy validate policies/*.yaml

Exit codes: 0 yes, 1 no (invalid policy, unmet expectation), 2 usage, 3 the machine lacks something,
  4 no agent, 5 failed while running, 130 interrupted; exec gives its command's own, 125 when it could not start it.`,
    );
  for (const command of [
    runCommand(),
    execCommand(),
    labelCommand(),
    demoCommand(),
    benchCommand(),
    policyCommand(),
    statusCommand(),
    doctorCommand(),
    completionCommand(() => root),
  ])
    root.addCommand(command);
  throwing(root);
  return root;
}

/** Makes a command and all below it throw instead of ending the process. */
function throwing(command: Command): void {
  command.exitOverride();
  command.commands.forEach((child) => throwing(child as Command));
}
