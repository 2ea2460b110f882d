// SPDX-License-Identifier: Apache-2.0
import { Command } from "commander";
import { diffCommand } from "./policy/diff.js";
import { explainCommand } from "./policy/explain.js";
import { lintCommand } from "./policy/lint.js";
import { testCommand } from "./policy/test.js";
import { validateCommand } from "./policy/validate.js";

/** `sockmesh policy`: what reads policies without an agent. */
export function policyCommand(): Command {
  const policy = new Command("policy").description("work on policy files");
  for (const command of [validateCommand(), explainCommand(), testCommand(), lintCommand(), diffCommand()])
    policy.addCommand(command);
  return policy;
}
