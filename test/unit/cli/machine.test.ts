// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import {
  examine,
  gated,
  thisMachine,
  upstreamVersion,
  type Check,
  type Machine,
} from "../../../cli/machine.js";

const CONFIG = ["BPF_SYSCALL", "CGROUP_BPF", "NET_SOCK_MSG", "BPF_STREAM_PARSER"]
  .map((name) => `CONFIG_${name}=y`)
  .join("\n");

/** A machine where all is well. */
const GOOD_FILES: Record<string, string> = {
  "/proc/config.gz": CONFIG,
  "/sys/kernel/btf/vmlinux": "",
  "/proc/self/mounts": "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\nbpf /sys/fs/bpf bpf rw 0 0\n",
  "/proc/self/status": "Name:\tnode\nCapEff:\t000001ffffffffff\n",
  "/proc/self/limits": "Max locked memory         65536                65536                bytes\n",
};

function machine(files: Record<string, string | undefined> = {}, more: Partial<Machine> = {}): Machine {
  const all = { ...GOOD_FILES, ...files };
  return {
    read: (path) => all[path],
    readable: (path) => all[path] !== undefined,
    writable: () => true,
    release: "6.18.0",
    version: "#1 SMP",
    nodeVersion: "20.18.0",
    loadLibbpf: async () => {},
    ...more,
  };
}

async function check(name: string, on: Machine): Promise<Check> {
  const found = (await examine(on)).find((one) => one.name === name);
  if (!found) throw new Error(`no check ${name}`);
  return found;
}

test("all is well", async () => {
  for (const one of await examine(machine())) expect(one).toMatchObject({ answer: "yes", remedy: "" });
});

test.each<[string, string, Record<string, string | undefined>, Partial<Machine>]>([
  ["node", "no", {}, { nodeVersion: "20.17.9" }],
  ["kernel", "no", {}, { release: "6.12.33" }],
  ["kernel", "cannot tell", {}, { release: "6.8.0-31-generic" }],
  ["kernel config", "no", { "/proc/config.gz": CONFIG.replace("CONFIG_NET_SOCK_MSG=y", "") }, {}],
  ["kernel config", "cannot tell", { "/proc/config.gz": undefined }, {}],
  ["btf", "no", { "/sys/kernel/btf/vmlinux": undefined }, {}],
  ["cgroup v2", "no", { "/proc/self/mounts": "" }, {}],
  ["cgroup v2", "no", {}, { writable: () => false }],
  ["cgroup v2", "cannot tell", { "/proc/self/mounts": undefined }, {}],
  ["bpffs", "no", { "/proc/self/mounts": "" }, {}],
  ["capabilities", "no", { "/proc/self/status": "CapEff:\t0000000000000000\n" }, {}],
  ["capabilities", "no", { "/proc/self/status": "CapEff:\t000000ffffffefff\n" }, {}],
  ["capabilities", "cannot tell", { "/proc/self/status": undefined }, {}],
  ["libbpf", "no", {}, { loadLibbpf: () => Promise.reject(new Error("libbpf.so.1 cannot be loaded")) }],
  ["locked memory", "no", {}, { release: "5.10.0" }],
  ["locked memory", "cannot tell", { "/proc/self/limits": undefined }, { release: "5.10.0" }],
])("%s: %s, with a reason and a remedy", async (name, answer, files, more) => {
  const found = await check(name, machine(files, more));
  expect(found.answer).toBe(answer);
  expect(found.reason).not.toBe("");
  expect(found.remedy).not.toBe("");
});

test("CAP_SYS_ADMIN stands for the capabilities that 5.8 split off from it, not for CAP_NET_ADMIN", async () => {
  const status = (mask: bigint): Record<string, string> => ({
    "/proc/self/status": `CapEff:\t${mask.toString(16)}\n`,
  });
  const admin = 1n << 21n;
  expect((await check("capabilities", machine(status(admin | (1n << 12n))))).answer).toBe("yes");
  expect((await check("capabilities", machine(status(admin)))).reason).toMatch(/^CAP_NET_ADMIN missing/);
});

test.each<[string, boolean]>([
  ["5.15.200", false],
  ["6.1.141", false],
  ["6.1.142", true],
  ["6.2.16", false],
  ["6.6.118", true],
  ["6.12.33", false],
  ["6.12.34", true],
  ["6.17.9", false],
  ["6.18.0", true],
  ["6.19.0", true],
  ["7.0.0", true],
])("kernel %s in the gate: %p", (version, expected) => {
  expect(gated(version.split(".").map(Number))).toBe(expected);
});

test.each<[string, string, string | undefined, number[] | undefined]>([
  ["6.1.0-28-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22)", undefined, [6, 1, 119]],
  ["6.8.0-31-generic", "#31-Ubuntu SMP", "Ubuntu 6.8.0-31.31-generic 6.8.1\n", [6, 8, 1]],
  ["6.8.0-31-generic", "#31 SMP", undefined, undefined],
  ["6.18.44", "#1 SMP", undefined, [6, 18, 44]],
  ["6.18.0", "#1 SMP", undefined, [6, 18, 0]],
])("upstream version of %s", (release, version, signature, expected) => {
  expect(upstreamVersion(machine({ "/proc/version_signature": signature }, { release, version }))).toEqual(
    expected,
  );
});

test("this machine gives an answer to every question", async () => {
  for (const one of await examine(thisMachine)) {
    expect(["yes", "no", "cannot tell"]).toContain(one.answer);
    expect(one.remedy === "").toBe(one.answer === "yes");
  }
});
