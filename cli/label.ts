// SPDX-License-Identifier: Apache-2.0
import { Command, InvalidArgumentError } from "commander";
import { label } from "./endpoint-flags.js";
import { print } from "./output.js";

/** `sockmesh label`: gives an endpoint other labels while it runs. */
export function labelCommand(): Command {
  return new Command("label")
    .description("give a running endpoint other labels, all of them; its identity follows")
    .argument("<endpoint>", "number of the endpoint, see status", endpoint)
    .requiredOption("--label <key=value>", "label that policies select by (repeatable)", label)
    .option("--socket <path>", "the agent's socket")
    .addHelpText(
      "after",
      `
The endpoint keeps its identity for the grace time of the agent's configuration (identityGraceMs). Then requests on its
open connections are judged by the new one, and streams that it denies are ended.

Examples:
  sockmesh label 3 --label app=backend --label track=canary`,
    )
    .action(
      async (
        number: number,
        { label: labels, socket }: { label: Record<string, string>; socket?: string },
      ) => {
        const [{ connectAgent }, { ownSocket }] = await Promise.all([
          import("./agent/client.js"),
          import("./agent/socket-path.js"),
        ]);
        const agent = await connectAgent(socket ?? ownSocket());
        try {
          await agent.ask({ op: "labels", number, labels });
        } finally {
          agent.close();
        }
        await print(`endpoint ${number} gets these labels`);
      },
    );
}

function endpoint(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535)
    throw new InvalidArgumentError("an endpoint is a number from 1 to 65535");
  return value;
}
