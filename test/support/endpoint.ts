// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { once } from "node:events";

/** Mount point of cgroup v2 here, or undefined. */
export function cgroupRoot(): string | undefined {
  for (const line of readFileSync("/proc/self/mounts", "utf8").split("\n")) {
    const [, path, type] = line.split(" ");
    if (type === "cgroup2") return path;
  }
  return undefined;
}

/** A cgroup tree that a test made: this process in `sidecar`, any number of endpoints, all gone after `close`. */
export class CgroupTree {
  readonly sidecar: string;
  private readonly made: string[] = [];

  constructor(readonly root: string) {
    const base = `${root}/sockmesh-test-${process.pid}-${Math.floor(performance.now() * 1000)}`;
    this.sidecar = `${base}/sidecar`;
    for (const path of [base, this.sidecar]) this.make(path);
    writeFileSync(`${this.sidecar}/cgroup.procs`, String(process.pid));
  }

  /** A new endpoint's cgroup. */
  endpoint(number: number | string): string {
    const path = this.sidecar.replace(/sidecar$/, `ep-${number}`);
    this.make(path);
    return path;
  }

  /** Runs a command inside a cgroup (the root for clients that are no endpoint). Children that are left are ended by `close`. */
  spawn(cgroup: string, command: string, args: string[]): ChildProcess {
    return spawn("sh", ["-c", 'echo $$ > "$0/cgroup.procs"; exec "$@"', cgroup, command, ...args], {
      stdio: ["pipe", "pipe", "inherit"],
    });
  }

  /** Runs a command to its end; resolves with what it printed. Fails on another exit code than 0. */
  async run(cgroup: string, command: string, args: string[]): Promise<string> {
    const child = this.spawn(cgroup, command, args);
    let output = "";
    child.stdout?.on("data", (data: Buffer) => (output += data.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    if (code !== 0) throw new Error(`${command} ended with ${code}: ${output}`);
    return output;
  }

  /** Moves this process back and removes the cgroups. */
  async close(): Promise<void> {
    writeFileSync(`${this.root}/cgroup.procs`, String(process.pid));
    for (const path of this.made.reverse())
      for (let tries = 0; ; tries++)
        try {
          rmdirSync(path);
          break;
        } catch (error) {
          if (tries === 50) throw error;
          await new Promise((resolve) => setTimeout(resolve, 20)); // ended processes leave a moment later
        }
  }

  private make(path: string): void {
    mkdirSync(path);
    this.made.push(path);
  }
}

/** Starts a program that prints its port as its first line; resolves with both. */
export async function listening(child: ChildProcess): Promise<number> {
  const [line] = (await once(child.stdout ?? child, "data")) as [Buffer];
  return Number(line.toString().trim());
}

/** Ends a child and waits for it. */
export async function end(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, "close");
  child.kill(signal);
  await closed;
}
