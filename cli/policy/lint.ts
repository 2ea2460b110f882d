// SPDX-License-Identifier: Apache-2.0
import { Command, Option } from "commander";
import type { Level } from "../../l7policy/lint/finding.js";
import { Exit } from "../exit.js";
import { print, printJson } from "../output.js";
import { endpointsOption } from "./read.js";

const LEVELS: readonly Level[] = ["info", "warning", "error"];

/** `sockmesh policy lint`. */
export function lintCommand(): Command {
  return new Command("lint")
    .description("find rules that are in vain, mean more than they say, or are not for the kernel")
    .argument("<file...>", "policy files, or directories of them")
    .addOption(endpointsOption())
    .addOption(
      new Option("--level <level>", "least important findings to show").choices(LEVELS).default("info"),
    )
    .option("--json", "print JSON instead of text", false)
    .addHelpText(
      "after",
      `
Exit code 0 when there is no warning and no error, else 1.

Examples:
  sockmesh policy lint policies/
  sockmesh policy lint --endpoints endpoints.yaml --level warning policies/`,
    )
    .action(async (paths: string[], options: { endpoints?: string; level: Level; json: boolean }) => {
      const { lint } = await import("../../l7policy/lint/lint.js");
      const { ABILITIES } = await import("../agent/abilities.js");
      const { readPolicies, readWorld } = await import("./read.js");
      const found = lint(readPolicies(paths), readWorld(options.endpoints), ABILITIES);
      const shown = found.filter(({ level }) => LEVELS.indexOf(level) >= LEVELS.indexOf(options.level));
      if (options.json) await printJson(shown);
      else {
        for (const { level, check, rule, message, witness } of shown) {
          const example = witness === undefined ? "" : `, e.g. ${witness}`;
          await print(`${rule.file}:${rule.line}: ${level}: ${rule.field}: ${message}${example} (${check})`);
        }
        const count = (level: Level): number => found.filter((one) => one.level === level).length;
        await print(`${count("error")} errors, ${count("warning")} warnings, ${count("info")} notes`);
      }
      if (found.some(({ level }) => level !== "info")) process.exitCode = Exit.no;
    });
}
