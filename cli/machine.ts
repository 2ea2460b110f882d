// SPDX-License-Identifier: Apache-2.0
import { accessSync, constants, readFileSync } from "node:fs";
import { release, version } from "node:os";
import { gunzipSync } from "node:zlib";
import type { Ability } from "../sockmap/engine.js";
import { findCgroup2 } from "./cgroup.js";

/** What is looked at; the real one is {@link thisMachine}, tests give another. */
export interface Machine {
  /** Text of a file; undefined when it cannot be read. */
  read(path: string): string | undefined;
  /** True when the file exists and this process may read it; for files that are too large to read for that. */
  readable(path: string): boolean;
  /** True when the file exists and this process may write to it. */
  writable(path: string): boolean;
  /** As `uname -r` and `uname -v`. */
  readonly release: string;
  readonly version: string;
  readonly nodeVersion: string;
  /** Loads libbpf; throws with the reason when that fails. */
  loadLibbpf(): Promise<void>;
}

/** One line of `sockmesh doctor`. */
export interface Check extends Ability {
  readonly name: string;
  /** True when the kernel engine cannot run without it; false when only `splice` or comfort is lost. */
  readonly required: boolean;
}

/**
 * Kernels whose sockmap is known good: all fixes of docs/operations.md are in from this patch level of a series on.
 * Kernel.org long-term series; from the last line on, every later series too.
 */
export const KERNEL_GATE: readonly (readonly [major: number, minor: number, patch: number])[] = [
  [6, 1, 142],
  [6, 6, 118],
  [6, 12, 34],
  [6, 18, 0],
];

/** Capabilities that the kernel engine needs, by number (capability.h). */
const CAPABILITIES = { CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21, CAP_PERFMON: 38, CAP_BPF: 39 } as const;
const CONFIGS = ["BPF_SYSCALL", "CGROUP_BPF", "NET_SOCK_MSG", "BPF_STREAM_PARSER"];
const NODE_MINIMUM = [20, 18, 0] as const;

type Finding = readonly [answer: Ability["answer"], reason: string, remedy?: string];

/** Looks at everything that the engine depends on. Changes nothing. */
export async function examine(machine: Machine): Promise<Check[]> {
  const check = (name: string, required: boolean, [answer, reason, remedy]: Finding): Check => ({
    name,
    required,
    answer,
    reason,
    remedy: answer === "yes" ? "" : (remedy ?? ""),
  });
  return [
    check("node", true, node(machine)),
    check("kernel", true, kernel(machine)),
    check("kernel config", true, config(machine)),
    check("btf", true, btf(machine)),
    check("cgroup v2", true, cgroup(machine)),
    check("bpffs", false, bpffs(machine)),
    check("capabilities", true, capabilities(machine)),
    check("libbpf", true, await libbpf(machine)),
    check("locked memory", true, memlock(machine)),
  ];
}

/**
 * True when a kernel version is in the gate.
 * @param upstream the kernel.org version, not a distribution's package number
 */
export function gated(upstream: readonly number[]): boolean {
  const [major = 0, minor = 0, patch = 0] = upstream;
  const newest = KERNEL_GATE.at(-1) ?? [0, 0, 0];
  if (major > newest[0] || (major === newest[0] && minor > newest[1])) return true;
  return KERNEL_GATE.some(([a, b, c]) => a === major && b === minor && patch >= c);
}

/** The kernel.org version that a kernel is built from; undefined where a distribution's naming hides it. */
export function upstreamVersion(machine: Machine): number[] | undefined {
  // Debian: release 6.1.0-28-amd64, version "... Debian 6.1.119-1 (2024-11-22)". Ubuntu: /proc/version_signature.
  const told =
    /Debian (\d+)\.(\d+)\.(\d+)-/.exec(machine.version) ??
    / (\d+)\.(\d+)\.(\d+)\s*$/.exec(machine.read("/proc/version_signature") ?? "") ??
    // A third number of 0 with a package number behind it says nothing about the patch level.
    /^(\d+)\.(\d+)\.(?!0-)(\d+)/.exec(machine.release);
  return told?.slice(1, 4).map(Number);
}

function node({ nodeVersion }: Machine): Finding {
  const [major = 0, minor = 0] = nodeVersion.split(".").map(Number);
  const enough = major > NODE_MINIMUM[0] || (major === NODE_MINIMUM[0] && minor >= NODE_MINIMUM[1]);
  return [enough ? "yes" : "no", `Node ${nodeVersion}`, `install Node ${NODE_MINIMUM.join(".")} or later`];
}

function kernel(machine: Machine): Finding {
  const upstream = upstreamVersion(machine);
  const wanted = `${KERNEL_GATE.map((version) => version.join(".")).join(", ")} or later of the same series`;
  if (!upstream)
    return [
      "cannot tell",
      `${machine.release}: the distribution hides the patch level`,
      `make sure that it has the sockmap fixes of ${wanted}, then set engine: kernel`,
    ];
  const text = `${machine.release} (${upstream.join(".")})`;
  if (gated(upstream)) return ["yes", text];
  return [
    "no",
    `${text} lacks sockmap fixes`,
    `use ${wanted}; engine: kernel in the configuration forces it at your risk`,
  ];
}

function config(machine: Machine): Finding {
  const text = machine.read("/proc/config.gz") ?? machine.read(`/boot/config-${machine.release}`);
  if (text === undefined)
    return [
      "cannot tell",
      "neither /proc/config.gz nor /boot/config can be read",
      "load and see: sockmesh run",
    ];
  const missing = CONFIGS.filter((name) => !new RegExp(`^CONFIG_${name}=[ym]$`, "m").test(text));
  if (missing.length === 0) return ["yes", CONFIGS.map((name) => `CONFIG_${name}`).join(", ")];
  const names = missing.map((name) => `CONFIG_${name}`).join(", ");
  return ["no", `${names} not set`, `use a kernel with ${names}`];
}

function btf(machine: Machine): Finding {
  const path = "/sys/kernel/btf/vmlinux";
  return machine.readable(path)
    ? ["yes", path]
    : ["no", `${path} cannot be read`, "use a kernel with CONFIG_DEBUG_INFO_BTF"];
}

function cgroup(machine: Machine): Finding {
  const mounts = machine.read("/proc/self/mounts");
  if (mounts === undefined) return ["cannot tell", "/proc/self/mounts cannot be read", "mount /proc"];
  const root = findCgroup2(mounts);
  if (root === undefined)
    return ["no", "not mounted", "mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified (or boot with systemd)"];
  if (!machine.writable(`${root}/cgroup.procs`))
    return ["no", `${root} cannot be written to`, "run as root, with /sys/fs/cgroup mounted read-write"];
  return ["yes", root];
}

function bpffs(machine: Machine): Finding {
  const mounted = /^\S+ (\S+) bpf /m.exec(machine.read("/proc/self/mounts") ?? "")?.[1];
  // Nothing is pinned today; a mount is what other tools use to look at what is loaded.
  return mounted ? ["yes", mounted] : ["no", "not mounted", "mount -t bpf bpf /sys/fs/bpf"];
}

function capabilities(machine: Machine): Finding {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(machine.read("/proc/self/status") ?? "")?.[1];
  if (mask === undefined) return ["cannot tell", "/proc/self/status cannot be read", "mount /proc"];
  const has = (name: keyof typeof CAPABILITIES): boolean =>
    ((BigInt(`0x${mask}`) >> BigInt(CAPABILITIES[name])) & 1n) === 1n;
  // CAP_SYS_ADMIN contains the two that 5.8 split off from it.
  const lacking = (["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"] as const).filter(
    (name) => !has(name) && !(name !== "CAP_NET_ADMIN" && has("CAP_SYS_ADMIN")),
  );
  return lacking.length === 0
    ? ["yes", "CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN"]
    : ["no", `${lacking.join(", ")} missing`, `run as root, or grant ${lacking.join(", ")}`];
}

async function libbpf(machine: Machine): Promise<Finding> {
  try {
    await machine.loadLibbpf();
    return ["yes", "libbpf.so.1"];
  } catch (thrown) {
    return ["no", (thrown as Error).message, "apt-get install libbpf1 (1.0 or later)"];
  }
}

function memlock(machine: Machine): Finding {
  const [major = 0, minor = 0] = machine.release.split(".").map(Number);
  // Since 5.11 BPF memory is charged to the memory cgroup.
  if (major > 5 || (major === 5 && minor >= 11)) return ["yes", "not limited by RLIMIT_MEMLOCK since 5.11"];
  const soft = /^Max locked memory\s+(\S+)/m.exec(machine.read("/proc/self/limits") ?? "")?.[1];
  if (soft === undefined) return ["cannot tell", "/proc/self/limits cannot be read", "mount /proc"];
  return soft === "unlimited" ? ["yes", soft] : ["no", `${soft} bytes`, "ulimit -l unlimited"];
}

function accessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** The machine that this process runs on. */
export const thisMachine: Machine = {
  read(path) {
    try {
      const bytes = readFileSync(path);
      return path.endsWith(".gz") ? gunzipSync(bytes).toString("latin1") : bytes.toString("latin1");
    } catch {
      return undefined;
    }
  },
  readable: (path) => accessible(path, constants.R_OK),
  writable: (path) => accessible(path, constants.W_OK),
  release: release(),
  version: version(),
  nodeVersion: process.versions.node,
  async loadLibbpf() {
    (await import("../sockmap/libbpf.js")).loadLibbpf();
  },
};
