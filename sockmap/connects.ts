// SPDX-License-Identifier: Apache-2.0
import { PROCESS } from "./abi.js";
import type { BpfObject } from "./driver.js";
import type { ConnectingProcess } from "./engine.js";
import { StructBytes, u64Key } from "./structs.js";

/** What is done about the connects of an endpoint, and the programs that do it. */
const PROGRAMS = {
  egress: ["sockmesh_connect4", "sockmesh_connect6"],
  process: ["sockmesh_process4", "sockmesh_process6"],
} as const;

/** The programs that see what endpoints connect to, each attached for as long as it is needed. */
export class Connects {
  private readonly cgroups = new Map<number, string>();
  private readonly attached = {
    egress: new Map<number, (() => void)[]>(),
    process: new Map<number, (() => void)[]>(),
  };
  private closed = false;

  constructor(private readonly object: BpfObject) {}

  /** There is an endpoint of that cgroup. */
  add(endpoint: number, cgroup: string): void {
    this.cgroups.set(endpoint, cgroup);
  }

  /** The endpoint has ended. */
  remove(endpoint: number): void {
    this.see("egress", endpoint, false);
    this.see("process", endpoint, false);
    this.cgroups.delete(endpoint);
  }

  /** Attaches or detaches programs. Throws SM_BPF_ATTACH, with none of them attached. */
  see(what: keyof typeof PROGRAMS, endpoint: number, on: boolean): void {
    const cgroup = this.cgroups.get(endpoint);
    const attached = this.attached[what];
    if (!on) {
      const programs = attached.get(endpoint) ?? [];
      attached.delete(endpoint);
      if (!this.closed) for (const detach of programs) detach();
    } else if (cgroup !== undefined && !attached.has(endpoint)) {
      const programs: (() => void)[] = [];
      attached.set(endpoint, programs);
      try {
        for (const program of PROGRAMS[what]) programs.push(this.object.attachToCgroup(program, cgroup));
      } catch (error) {
        this.see(what, endpoint, false);
        throw error;
      }
    }
  }

  /** Who opened a client's socket, by its cookie; undefined when that was not recorded. To be asked once. */
  processOf(client: bigint): ConnectingProcess | undefined {
    if (client === 0n || this.attached.process.size === 0) return undefined;
    const found = new StructBytes(PROCESS);
    if (!this.object.map("processes").take(u64Key(client), found.bytes)) return undefined;
    return {
      pid: found.u32("pid"),
      startNs: found.u64("start"),
      uid: found.u32("uid"),
      cgroup: found.u64("cgroup"),
      executable: { device: deviceOf(found.u32("device")), inode: found.u64("inode") },
    };
  }

  /** The object is about to be closed, which detaches all. */
  close(): void {
    this.closed = true;
  }
}

/** A device as stat(2) tells it, from the kernel's own way of writing it. */
export function deviceOf(device: number): bigint {
  const minor = BigInt(device & 0xf_ffff);
  return (BigInt(device >>> 20) << 8n) | ((minor & ~0xffn) << 12n) | (minor & 0xffn);
}
