// SPDX-License-Identifier: Apache-2.0
import { Command } from "commander";
import { Exit } from "./exit.js";
import { print, printJson, table } from "./output.js";

/** `sockmesh doctor`: what this machine can do, and what to do about the rest. Changes nothing. */
export function doctorCommand(): Command {
  return new Command("doctor")
    .description("tell which level this machine reaches, what is missing, and the remedy")
    .option("--json", "print JSON instead of a table", false)
    .addHelpText(
      "after",
      `
Every question has one of three answers: yes, no, cannot tell. Exit code 0 when nothing that the kernel engine
requires is "no", else 1.

Examples:
  sockmesh doctor
  sockmesh doctor --json`,
    )
    .action(async ({ json }: { json: boolean }) => {
      const { examine, thisMachine } = await import("./machine.js");
      const checks = await examine(thisMachine);
      const lacking = checks.filter((check) => check.required && check.answer === "no");
      const engine = lacking.length === 0 ? "kernel" : "user-space";
      if (json) await printJson({ engine, checks });
      else {
        const rows = checks.map((check) => [check.name, check.answer, check.reason, check.remedy]);
        await print(table(["check", "answer", "found", "remedy"], rows));
        await print(
          lacking.length === 0
            ? "\nThe kernel engine can run."
            : `\nLevel off only (user-space engine), because of: ${lacking.map((check) => check.name).join(", ")}.`,
        );
      }
      if (lacking.length > 0) process.exitCode = Exit.no;
    });
}
