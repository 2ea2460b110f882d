// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { spawnSync } from "node:child_process";
import type { Command } from "commander";
import { completionScript } from "../../../cli/completion.js";
import { program } from "../../../cli/program.js";

/** What bash offers for the words typed so far; the last one is being completed. */
function complete(...words: string[]): string[] {
  const typed = ["sockmesh", ...words].map((word) => `'${word}'`).join(" ");
  const script = `${completionScript("bash", program())}
COMP_WORDS=(${typed}); COMP_CWORD=${words.length}; _sockmesh; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync("bash", ["-c", script], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.split("\n").filter(Boolean);
}

test("bash completes commands, subcommands and options", () => {
  expect(complete("")).toEqual(expect.arrayContaining(["run", "exec", "demo", "doctor", "policy"]));
  expect(complete("sta")).toEqual(["status"]);
  expect(complete("policy", "v")).toEqual(["validate"]);
  expect(complete("exec", "--l")).toEqual(["--label", "--level"]);
  expect(complete("policy", "validate", "--j")).toEqual(["--json"]);
});

test("zsh and fish scripts name every command and option", () => {
  const names = (command: Command): string[] => [
    ...command.commands.flatMap((child) => [child.name(), ...names(child as Command)]),
    ...command.options.flatMap(({ long }) => (long ? [long.slice(2)] : [])),
  ];
  for (const shell of ["zsh", "fish"] as const)
    for (const name of names(program())) expect(completionScript(shell, program())).toContain(name);
});

test("every command has help with examples", () => {
  const leaves = (command: Command): Command[] =>
    command.commands.length > 0 ? command.commands.flatMap((child) => leaves(child as Command)) : [command];
  for (const command of leaves(program())) {
    expect(command.description()).not.toBe("");
    let help = "";
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    expect(help).toContain("Examples:");
  }
});
