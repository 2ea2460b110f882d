// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { runs } from "./cli.js";

const NAME = /^sockmesh-test-(\d+)-\d+$/;
let made = 0;

/** A network namespace of a test's own, with loopback up. */
export class Namespace {
  private constructor(private readonly name: string) {}

  /** Makes one, and removes those of tests that were killed, where nobody holds them. */
  static async create(): Promise<Namespace> {
    const { stdout } = await ip("netns", "list");
    for (const line of stdout.split("\n")) {
      const [name = ""] = line.split(" ");
      const pid = NAME.exec(name)?.[1];
      if (pid && !existsSync(`/proc/${pid}`)) await runs(["ip", "netns", "delete", name]);
    }
    const namespace = new Namespace(`sockmesh-test-${process.pid}-${made++}`);
    await ip("netns", "add", namespace.name);
    const [nsenter = "", ...words] = namespace.prefix;
    await must(nsenter, ...words, "ip", "link", "set", "lo", "up");
    return namespace;
  }

  /** Words before a command that is to run in it. Not `ip netns exec`: that wants `/` to be a mount. */
  get prefix(): string[] {
    return ["nsenter", `--net=/run/netns/${this.name}`];
  }

  async remove(): Promise<void> {
    await ip("netns", "delete", this.name);
  }
}

const ip = (...args: string[]): Promise<{ stdout: string }> => must("ip", ...args);

async function must(...command: string[]): Promise<{ stdout: string }> {
  const ended = await runs(command);
  if (ended.code !== 0) throw new Error(`${command.join(" ")}: ${ended.stderr}`);
  return ended;
}
