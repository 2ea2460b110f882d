// SPDX-License-Identifier: Apache-2.0
import { Command } from "commander";
import { Exit } from "./exit.js";
import { print, printJson } from "./output.js";

/** `sockmesh policy`: what reads policies without an agent. */
export function policyCommand(): Command {
  return new Command("policy").description("work on policy files").addCommand(validateCommand());
}

function validateCommand(): Command {
  return new Command("validate")
    .description("check policy files; every error with file, line and field")
    .argument("<file...>", "policy files, or directories of them")
    .option("--json", "print JSON instead of text", false)
    .addHelpText(
      "after",
      `
Exit code 0 when all are valid, else 1.

Examples:
  sockmesh policy validate policies/
  sockmesh policy validate --json shop.yaml admin.yaml`,
    )
    .action(async (paths: string[], { json }: { json: boolean }) => {
      const { loadPolicies, policyFiles } = await import("./agent/policies.js");
      const { files, policies, errors } = loadPolicies(paths.flatMap(policyFiles));
      if (json)
        await printJson({
          files,
          policies: policies.length,
          errors: errors.map(({ code, message, hint, at, field }) => ({ code, message, hint, ...at, field })),
        });
      else {
        for (const error of errors) await print(`${error.describe()} (${error.code})`);
        const sum = `${files.length} files, ${policies.length} policies, ${errors.length} errors`;
        await print(sum);
      }
      if (errors.length > 0) process.exitCode = Exit.no;
    });
}
