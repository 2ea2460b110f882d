// SPDX-License-Identifier: Apache-2.0
import { Command } from "commander";
import { label, levelOption, port, portName, type EndpointFlags } from "./endpoint-flags.js";
import { Exit, explain } from "./exit.js";

interface Flags extends EndpointFlags {
  readonly pod?: string;
  readonly socket?: string;
}

/** `sockmesh exec`: runs a command as an endpoint of the agent on this machine. */
export function execCommand(): Command {
  return new Command("exec")
    .description("run a command as an endpoint: with labels, an identity, and its traffic under policy")
    .argument("<command...>", "what to run, after --")
    .option("--label <key=value>", "label that policies select by (repeatable)", label)
    .option("--pod <file[#name]>", "Kubernetes manifest that has its labels, namespace and named ports")
    .option("--name <name>", "name in status and logs (default: the workload's of --pod, or the command's)")
    .addOption(levelOption())
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

An endpoint has labels: by --label, by --pod, or both. The file of --pod may hold several documents; #NAME tells which pod,
Deployment, StatefulSet, DaemonSet, ReplicaSet, Job or CronJob is meant where there are several, #NAMESPACE/NAME, #KIND/NAME
or #NAMESPACE/KIND/NAME where several are called so. --label, --port-name, --name and --level win over what the file says,
other labels and port names are added, as are all of --port-opt-out. Annotations of the pod stand for flags:
sockmesh.io/level, and sockmesh.io/port-opt-out with ports separated by commas.

Examples:
  sockmesh exec --label app=backend -- node server.js
  sockmesh exec --label app=cache --label tier=data --port-opt-out 9100 -- memcached -p 11211
  sockmesh exec --label app=shop --port-name http=8080 -- node shop.js
  sockmesh exec --pod shop.yaml -- node shop.js
  sockmesh exec --pod deploy/all.yaml#shop --label track=canary --level splice -- node shop.js`,
    )
    .action(async (command: string[], flags: Flags, self: Command) => {
      if (!flags.label && flags.pod === undefined)
        self.error("error: option '--label <key=value>' or '--pod <file[#name]>' is needed");
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
  const terms = flags.pod === undefined ? flags : (await import("./pod.js")).withPod(flags.pod, flags);
  const agent = await connectAgent(flags.socket ?? ownSocket());
  const reply = await agent.ask({
    op: "endpoint",
    name: terms.name ?? command[0] ?? "",
    labels: terms.label ?? {},
    optOutPorts: terms.portOptOut,
    ports: terms.portName,
    ...(terms.level && { level: terms.level }),
    origin: ownCgroup(),
  });
  // The connection stays open until the command replaces us: from then on the cgroup is what keeps the endpoint.
  if ("endpoint" in reply) joinCgroup(reply.endpoint.cgroup, process.pid);
}
