// SPDX-License-Identifier: Apache-2.0
import { Command } from "commander";
import type { PolicyOptions } from "../../l7policy/resolve/store.js";
import { Exit } from "../exit.js";
import { print, printJson, table } from "../output.js";
import { endpointsOption, modeOption } from "./read.js";

const MOST_PEERS = 4;

/** `sockmesh policy diff`. */
export function diffCommand(): Command {
  return new Command("diff")
    .description("show which requests new policies allow or deny that old ones did not, with one of each")
    .argument("<old>", "policy file or directory")
    .argument("<new>", "policy file or directory")
    .addOption(endpointsOption())
    .addOption(modeOption())
    .option("--json", "print JSON instead of text", false)
    .addHelpText(
      "after",
      `
Without --endpoints the policies are compared between workloads that their selectors describe. Exit code 0 when nothing
changes, 1 when something does.

Examples:
  sockmesh policy diff old/ new/
  sockmesh policy diff --endpoints endpoints.yaml shop.yaml shop-new.yaml`,
    )
    .action(
      async (
        before: string,
        after: string,
        options: { endpoints?: string; mode: PolicyOptions["mode"]; json: boolean },
      ) => {
        const { diff } = await import("../../l7policy/compare/diff.js");
        const { readPolicies, readWorld } = await import("./read.js");
        const world = readWorld(options.endpoints);
        const changes = diff(readPolicies([before]), readPolicies([after]), world, { mode: options.mode });
        if (options.json) await printJson(changes);
        else if (changes.length === 0) await print("nothing changes");
        else
          await print(
            table(
              ["change", "direction", "endpoint", "peers", "ports", "e.g.", "by"],
              changes.map(({ kind, way, endpoint, peers, ports, request, rule }) => [
                kind,
                way,
                endpoint,
                peers.length > MOST_PEERS
                  ? `${peers.slice(0, MOST_PEERS).join(" ")} and ${peers.length - MOST_PEERS} more`
                  : peers.join(" "),
                ports.join(" "),
                request ?? "every request",
                rule ? `${rule.file}:${rule.line}` : "",
              ]),
            ),
          );
        if (changes.length > 0) process.exitCode = Exit.no;
      },
    );
}
