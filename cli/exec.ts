// SPDX-License-Identifier: Apache-2.0
import { Command, InvalidArgumentError, Option } from "commander";
import type { Level } from "../sockmap/engine.js";
import { Exit, explain } from "./exit.js";
import { PORT_NAME } from "./port-name.js";

interface Flags {
  readonly label: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly level?: Level;
  readonly portOptOut: readonly number[];
  readonly portName: Readonly<Record<string, number>>;
  readonly socket?: string;
}

/** `sockmesh exec`: runs a command as an endpoint of the agent on this machine. */
export function execCommand(): Command {
  return new Command("exec")
    .description("run a command as an endpoint: with labels, an identity, and its traffic under policy")
    .argument("<command...>", "what to run, after --")
    .requiredOption("--label <key=value>", "label that policies select by (repeatable)", label)
    .option("--name <name>", "name in status and logs (default: the command's)")
    .addOption(
      new Option("--level <level>", "highest level for its connections (default: the agent's)").choices([
        "off",
        "shortcut",
        "splice",
      ]),
    )
    .option("--port-opt-out <port>", "service port that stays on plain TCP (repeatable)", port, [])
    .option("--port-name <name=port>", "name of a port, for rules that name it (repeatable)", portName, {})
    .option("--socket <path>", "the agent's socket")
    .passThroughOptions()
    .addHelpText(
      "after",
      `
The process becomes the command (same pid, terminal, signals, exit code) in a cgroup of its own. The endpoint ends with
the last process in it. Exit codes of sockmesh itself: 125 it could not make the endpoint, 126 the command cannot be
executed, 127 there is no such command.

Examples:
  sockmesh exec --label app=backend -- node server.js
  sockmesh exec --label app=cache --label tier=data --port-opt-out 9100 -- memcached -p 11211
  sockmesh exec --label app=shop --port-name http=8080 -- node shop.js`,
    )
    .action(async (command: string[], flags: Flags) => {
      // Replaces the process, unless something goes wrong. The open connection to the agent would keep it for ever.
      process.exit(await run(command, flags));
    });
}

async function run(command: readonly string[], flags: Flags): Promise<number> {
  try {
    await becomeEndpoint(command, flags);
  } catch (thrown) {
    console.error(explain(thrown));
    return Exit.execFailed;
  }
  const { execvp } = await import("./execve.js");
  const failure = execvp(command);
  console.error(`sockmesh: ${command[0]}: ${failure}`);
  return failure === "not found" ? Exit.notFound : Exit.notExecutable;
}

async function becomeEndpoint(command: readonly string[], flags: Flags): Promise<void> {
  const [{ connectAgent }, { ownSocket }, { joinCgroup, ownCgroup }] = await Promise.all([
    import("./agent/client.js"),
    import("./agent/socket-path.js"),
    import("./cgroup.js"),
  ]);
  const agent = await connectAgent(flags.socket ?? ownSocket());
  const reply = await agent.ask({
    op: "endpoint",
    name: flags.name ?? command[0] ?? "",
    labels: flags.label,
    optOutPorts: flags.portOptOut,
    ports: flags.portName,
    ...(flags.level && { level: flags.level }),
    origin: ownCgroup(),
  });
  // The connection stays open until the command replaces us: from then on the cgroup is what keeps the endpoint.
  if ("endpoint" in reply) joinCgroup(reply.endpoint.cgroup, process.pid);
}

/** Reads one `--label KEY=VALUE` more. */
export function label(text: string, before: Record<string, string> | undefined): Record<string, string> {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined) throw new InvalidArgumentError("labels are KEY=VALUE");
  return { ...before, [key]: value };
}

function port(text: string, before: readonly number[]): number[] {
  return [...before, portNumber(text)];
}

function portNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535)
    throw new InvalidArgumentError("a port is a number from 1 to 65535");
  return value;
}

/** Reads one `--port-name NAME=PORT` more. */
function portName(text: string, before: Readonly<Record<string, number>>): Record<string, number> {
  const [, name, number] = /^([^=]+)=([0-9]+)$/.exec(text) ?? [];
  if (name === undefined || number === undefined || !new RegExp(PORT_NAME).test(name))
    throw new InvalidArgumentError("named ports are NAME=PORT, the name up to 15 letters, digits and dashes");
  return { ...before, [name]: portNumber(number) };
}
