// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A program that the bench started; `pid` leads its own process group. */
export interface Running {
  readonly pid: number;
  /** Ends the whole group: SIGTERM, after 3 s SIGKILL. Resolves when the program is gone. Idempotent. */
  stop(): Promise<void>;
  /** Resolves when something accepts connections on the port; rejects with the program's output when it ends first. */
  listens(port: number, timeoutMs?: number): Promise<void>;
  /** Resolves with all output at exit 0, else rejects with it. */
  done(): Promise<string>;
}

const groups = new Set<number>();
const folders = new Set<string>();

/** Starts a program in its own process group, which ends with the bench whatever happens to the bench. */
export function start(command: readonly string[], env: Record<string, string> = {}): Running {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  let output = "";
  const collect = (chunk: Buffer): void => void (output += chunk.toString("utf8"));
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  let code: number | string | undefined;
  const closed = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      code = error.message;
      resolve();
    });
    child.once("close", (status, signal) => {
      code ??= status ?? signal ?? "unknown";
      resolve();
    });
  });
  const pid = child.pid ?? 0;
  if (pid) groups.add(pid);
  const failure = (what: string): Error => new Error(`${command.join(" ")}: ${what}\n${output.slice(-2000)}`);

  return {
    pid,
    async stop() {
      if (!groups.delete(pid)) return;
      signalGroup(pid, "SIGTERM");
      const timer = setTimeout(() => signalGroup(pid, "SIGKILL"), 3000);
      await closed;
      clearTimeout(timer);
      signalGroup(pid, "SIGKILL");
    },
    async listens(port, timeoutMs = 20_000) {
      const end = performance.now() + timeoutMs;
      while (!(await accepts(port))) {
        if (code !== undefined) throw failure(`ended (${code}) before it listened on ${port}`);
        if (performance.now() > end) throw failure(`does not listen on ${port}`);
        await sleep(10);
      }
    },
    async done() {
      await closed;
      groups.delete(pid);
      if (code !== 0) throw failure(`ended with ${code}`);
      return output;
    },
  };
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A new temporary folder, removed when the bench ends. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "sockmesh-bench-"));
  folders.add(folder);
  return folder;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already.
  }
}

process.once("exit", () => {
  for (const pid of groups) signalGroup(pid, "SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
