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
  listens(port: number): Promise<void>;
  /** Resolves when `ready` says so, asked again and again; rejects as {@link listens}. `what` completes "does not". */
  until(ready: () => Promise<boolean>, what: string): Promise<void>;
  /** Resolves with all output at exit 0, else rejects with it. */
  done(): Promise<string>;
}

/** Longest that a program may take to be ready; much more than any needs. */
const READY_MS = 20_000;

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

  const until = async (ready: () => Promise<boolean>, what: string): Promise<void> => {
    const end = performance.now() + READY_MS;
    while (!(await ready())) {
      if (code !== undefined) throw failure(`ended (${code}) and did not ${what}`);
      if (performance.now() > end) throw failure(`does not ${what}`);
      await sleep(10);
    }
  };

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
    listens: (port) => until(() => accepts(port), `listen on ${port}`),
    until,
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

/** False when the group is gone already. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

process.once("exit", () => {
  for (const pid of groups) signalGroup(pid, "SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void interrupted());

/** Lets every program end in its own way, as an agent that detaches its programs, before what is left is killed. */
async function interrupted(): Promise<void> {
  for (const pid of groups) signalGroup(pid, "SIGTERM");
  const end = performance.now() + 3000;
  while ([...groups].some((pid) => signalGroup(pid, 0)) && performance.now() < end) await sleep(20);
  process.exit(130);
}
