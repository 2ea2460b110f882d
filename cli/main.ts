#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
import { CommanderError } from "commander";
import { exitCode, explain } from "./exit.js";
import { program } from "./program.js";

try {
  await program().parseAsync();
} catch (thrown) {
  // Commander has printed its own errors and help already.
  if (!(thrown instanceof CommanderError)) console.error(explain(thrown));
  process.exitCode = exitCode(thrown);
}
