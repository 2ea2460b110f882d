// SPDX-License-Identifier: Apache-2.0
import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { doubtsAbout, Processes } from "../../../../cli/agent/processes.js";
import { parsePolicies } from "../../../../l7policy/index.js";
import type { ConnectingProcess } from "../../../../sockmap/engine.js";

const SLEEP = realpathSync("/bin/sleep");
const folder = mkdtempSync(join(tmpdir(), "sockmesh-processes-"));
const children: ChildProcess[] = [];

afterAll(() => rmSync(folder, { recursive: true }));

afterEach(async () => {
  for (const child of children.splice(0)) {
    const ended = child.exitCode ?? child.signalCode ?? once(child, "close");
    child.kill("SIGKILL");
    await ended;
  }
  for (const name of ["program", "a) b (c", "other", "link"]) rmSync(join(folder, name), { force: true });
});

async function started(program: string, ...args: string[]): Promise<ChildProcess & { pid: number }> {
  const child = spawn(program, args, { stdio: ["pipe", "ignore", "inherit"] });
  children.push(child);
  await once(child, "spawn");
  return child as ChildProcess & { pid: number };
}

/** What the kernel would have recorded of a process as it is now. */
function recorded(pid: number): ConnectingProcess {
  const { dev, ino } = statSync(`/proc/${pid}/exe`, { bigint: true });
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const start = stat.replace(/^.*\) /s, "").split(" ")[19] ?? "";
  return {
    pid,
    startNs: BigInt(start) * 10_000_000n + 1_234_567n,
    uid: 1000,
    cgroup: 1n,
    executable: { device: dev, inode: ino },
  };
}

const processes = new Processes(() => folder);
const executable = (process: ConnectingProcess): string | undefined => processes.of(process).executable;

describe("the executable of a process that connected", () => {
  test("is told while the process runs it, whatever its name is", async () => {
    const odd = join(folder, "a) b (c");
    copyFileSync(SLEEP, odd);
    for (const path of [SLEEP, odd]) {
      const { pid } = await started(path, "100");
      expect(executable(recorded(pid))).toBe(path);
    }
  });

  test("is unknown where another process has the pid, or another file the path", async () => {
    const { pid } = await started(SLEEP, "100");
    const one = recorded(pid);
    const { device, inode } = one.executable;
    expect(executable({ ...one, startNs: one.startNs + 10_000_000n })).toBeUndefined();
    expect(executable({ ...one, startNs: one.startNs - 10_000_000n })).toBeUndefined();
    expect(executable({ ...one, executable: { device, inode: inode + 1n } })).toBeUndefined();
    expect(executable({ ...one, executable: { device: device + 1n, inode } })).toBeUndefined();
    // What the kernel could not read.
    expect(executable({ ...one, startNs: 0n, executable: { device: 0n, inode: 0n } })).toBeUndefined();
  });

  test("is unknown once the process has ended, and stays known when it was asked for before", async () => {
    const child = await started(SLEEP, "100");
    const [asked, late] = [recorded(child.pid), recorded(child.pid)];
    expect(executable(asked)).toBe(SLEEP);
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
    expect(executable(late)).toBeUndefined();
    expect(executable(asked)).toBe(SLEEP);
    expect(processes.of(late)).toMatchObject({ uid: 1000 });
  });

  test("is unknown when the process has executed something else since", async () => {
    const child = await started("/bin/sh", "-c", `read line; exec ${SLEEP} 100`);
    const one = recorded(child.pid);
    child.stdin?.write("go\n");
    while (readlinkSync(`/proc/${child.pid}/exe`) !== SLEEP) await new Promise((done) => setTimeout(done, 5));
    expect(executable(one)).toBeUndefined();
    expect(executable(recorded(child.pid))).toBe(SLEEP);
  });

  test("is unknown when the file has been replaced or removed", async () => {
    const program = join(folder, "program");
    copyFileSync(SLEEP, program);
    const { pid } = await started(program, "100");
    const [before, after, gone] = [recorded(pid), recorded(pid), recorded(pid)];
    expect(executable(before)).toBe(program);
    copyFileSync(SLEEP, join(folder, "other"));
    renameSync(join(folder, "other"), program);
    expect(executable(after)).toBeUndefined();
    rmSync(program);
    expect(executable(gone)).toBeUndefined();
  });
});

test("the cgroup is told as long as the process is in it", async () => {
  const { pid } = await started(SLEEP, "100");
  // Where there is no cgroup v2 all are in its root.
  const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1] ?? "/";
  const root = join(folder, "nowhere");
  const mount = /^\S+ (\S+) cgroup2 /m.exec(readFileSync("/proc/self/mounts", "utf8"))?.[1] ?? folder;
  const { ino } = statSync(join(mount, path), { bigint: true });
  const there = new Processes(() => mount);
  expect(there.of({ ...recorded(pid), cgroup: ino }).cgroup).toBe(path);
  expect(there.of({ ...recorded(pid), cgroup: ino + 1n }).cgroup).toBeUndefined();
  expect(new Processes(() => root).of({ ...recorded(pid), cgroup: ino }).cgroup).toBeUndefined();
});

test("a rule that names a link is doubted: no process runs a link", () => {
  const link = join(folder, "link");
  symlinkSync(SLEEP, link);
  const doubts = (...paths: string[]): string[] => {
    const named = paths.map((path) => `{ executable: "${path}" }`).join(", ");
    const parsed = parsePolicies(
      "p.yaml",
      `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: p }
spec:
  endpointSelector: {}
  egressDeny: [{ fromProcess: [${named}] }]
`,
    );
    if (!parsed.ok) throw parsed.errors[0];
    return doubtsAbout(parsed.policies).flatMap(({ at, message }) =>
      message.includes("link") ? [`${at.line}: ${message}`] : [],
    );
  };
  expect(doubts(SLEEP, "/no/such/program", `${folder}/*`)).toEqual([]);
  expect(doubts(SLEEP, link)).toEqual([`6: no process runs ${link}: it is a link to ${SLEEP}, name that`]);
});
