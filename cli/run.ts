// SPDX-License-Identifier: Apache-2.0
import { setFlagsFromString } from "node:v8";
import { Command } from "commander";
import { Exit } from "./exit.js";
import type { Config } from "./config.js";

interface Flags {
  readonly config?: string;
  readonly policies?: string;
  readonly socket?: string;
}

/** `sockmesh run`: agent and sidecar of this machine in one process, until SIGTERM or SIGINT. */
export function runCommand(): Command {
  return new Command("run")
    .description("run agent and sidecar of this machine, in the foreground")
    .option("--config <file>", "configuration file (YAML)")
    .option("--policies <path>", "policy file or directory, instead of the configuration's")
    .option("--socket <path>", "Unix socket for exec and status, instead of the configuration's")
    .addHelpText(
      "after",
      `
Policies are read again when they change, and on SIGHUP; with an error in them the last good ones stay in force.
On SIGUSR2 the kernel's programs are loaded again, under live connections.
SIGTERM and SIGINT let requests under way end; a second one ends at once. Logs are JSON lines on standard error.

Examples:
  sockmesh run --policies ./policies
  sockmesh run --config /etc/sockmesh.yaml`,
    )
    .action(run);
}

/**
 * How V8's space for new objects grows when much in it survives, as everything does while the agent starts: to sizes that
 * it never needs again and never gives back. Not growing then saves 7 MB of an idle agent.
 */
function youngGrowth(factor: 1 | 2): void {
  setFlagsFromString(`--semi-space-growth-factor=${factor}`);
}

async function run(flags: Flags): Promise<void> {
  youngGrowth(1);
  const [{ startAgent }, { systemClock }, { makeLog }, { thisMachine }] = await Promise.all([
    import("./agent/agent.js"),
    import("./clock.js"),
    import("./log.js"),
    import("./machine.js"),
  ]);
  const config = await configOf(flags);
  const signal = firstSignal();
  const agent = await startAgent({
    config,
    machine: thisMachine,
    clock: systemClock,
    log: makeLog(config.logLevel),
    pid: process.pid,
    access: config.accessLog ? (entry) => void process.stdout.write(`${JSON.stringify(entry)}\n`) : undefined,
  });
  youngGrowth(2);
  process.on("SIGHUP", () => agent.reload());
  process.on("SIGUSR2", () => agent.upgrade());
  await signal;
  await agent.close();
}

async function configOf(flags: Flags): Promise<Config> {
  const { defaultConfig, readConfig } = await import("./config.js");
  const { ownSocket } = await import("./agent/socket-path.js");
  const config = flags.config ? readConfig(flags.config, ownSocket()) : defaultConfig(ownSocket());
  return {
    ...config,
    ...(flags.policies !== undefined && { policies: flags.policies }),
    ...(flags.socket !== undefined && { socket: flags.socket }),
  };
}

/** Resolves at the first SIGTERM or SIGINT; the second ends the process at once. */
function firstSignal(): Promise<void> {
  return new Promise((resolve) => {
    let seen = false;
    for (const name of ["SIGTERM", "SIGINT"] as const)
      process.on(name, () => {
        if (seen) process.exit(Exit.interrupted);
        seen = true;
        resolve();
      });
  });
}
