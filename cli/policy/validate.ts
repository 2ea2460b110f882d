// SPDX-License-Identifier: Apache-2.0
import { Command } from "commander";
import { Exit } from "../exit.js";
import { print, printJson } from "../output.js";

/** `sockmesh policy validate`. */
export function validateCommand(): Command {
  return new Command("validate")
    .description("check policy files; every error with file, line and field")
    .argument("<file...>", "policy files, or directories of them")
    .option("--json", "print JSON instead of text", false)
    .addHelpText(
      "after",
      `
An error is also what the agent could not put in force. Exit code 0 when all are valid, else 1.

Examples:
  sockmesh policy validate policies/
  sockmesh policy validate --json shop.yaml admin.yaml`,
    )
    .action(async (paths: string[], { json }: { json: boolean }) => {
      const { conflictErrors, conflictsOf } = await import("../../l7policy/resolve/conflicts.js");
      const { PolicyStore } = await import("../../l7policy/index.js");
      const { loadPolicies, policyFiles } = await import("../agent/policies.js");
      const { files, policies, errors: found } = loadPolicies(paths.flatMap(policyFiles));
      const store = new PolicyStore();
      const errors = [
        ...found,
        ...conflictErrors(conflictsOf(store.prepare(policies), store.identities.all())),
      ];
      if (json)
        await printJson({
          files,
          policies: policies.length,
          errors: errors.map(({ code, message, hint, at, field }) => ({ code, message, hint, ...at, field })),
        });
      else {
        for (const error of errors) await print(`${error.describe()} (${error.code})`);
        await print(`${files.length} files, ${policies.length} policies, ${errors.length} errors`);
      }
      if (errors.length > 0) process.exitCode = Exit.no;
    });
}
