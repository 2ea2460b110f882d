// SPDX-License-Identifier: Apache-2.0
import { Command } from "commander";

/** `sockmesh demo`. */
export function demoCommand(): Command {
  return new Command("demo").description("a small service, two clients, one policy, and what it costs");
}
