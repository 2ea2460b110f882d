// SPDX-License-Identifier: Apache-2.0
import { OPT_OUT_KEY } from "./abi.js";
import type { BpfObject } from "./driver.js";
import { StructBytes, u32Key } from "./structs.js";

/** Programs that see which ports an endpoint's datagram sockets serve: attached for as long as the endpoint lives. */
export const BIND_PROGRAMS: readonly string[] = [
  "sockmesh_bind4",
  "sockmesh_bind6",
  "sockmesh_bound4",
  "sockmesh_bound6",
  "sockmesh_released",
];
/** Drops what comes for closed ports: it sees every packet of the endpoint, and is attached while there are any. */
const DROP_PROGRAM = "sockmesh_datagram";

/** The ports of endpoints that take no datagrams. */
export class Datagrams {
  private readonly ports = new Map<number, readonly number[]>();
  private readonly cgroups = new Map<number, string>();
  private readonly attached = new Map<number, () => void>();

  constructor(private readonly object: BpfObject) {}

  /** There is an endpoint of that cgroup; ports may have been closed before. Throws SM_BPF_ATTACH. */
  add(endpoint: number, cgroup: string): void {
    this.cgroups.set(endpoint, cgroup);
    this.attach(endpoint);
  }

  /** The endpoint has ended. */
  remove(endpoint: number): void {
    this.close(endpoint, []);
    this.cgroups.delete(endpoint);
  }

  /** Closes these ports of an endpoint in place of those named before; 0: all. Throws SM_BPF_ATTACH, SM_BPF_MAP. */
  close(endpoint: number, ports: readonly number[]): void {
    const map = this.object.map("closed_udp");
    const key = (port: number): Uint8Array =>
      new StructBytes(OPT_OUT_KEY).setU32("endpoint", endpoint).setU32("port", port).bytes;
    const before = this.ports.get(endpoint) ?? [];
    // Opened last: a port that stays closed is closed at every moment.
    try {
      for (const port of ports) map.update(key(port), u32Key(1));
    } catch (error) {
      // No room for each of them: rather all.
      for (const port of ports) map.delete(key(port));
      if (ports.includes(0)) throw error;
      return this.close(endpoint, [0]);
    }
    for (const port of before) if (!ports.includes(port)) map.delete(key(port));
    if (ports.length > 0) this.ports.set(endpoint, ports);
    else this.ports.delete(endpoint);
    this.attach(endpoint);
  }

  private attach(endpoint: number): void {
    const cgroup = this.cgroups.get(endpoint);
    const detach = this.attached.get(endpoint);
    if (!this.ports.has(endpoint)) {
      this.attached.delete(endpoint);
      detach?.();
    } else if (!detach && cgroup !== undefined)
      this.attached.set(endpoint, this.object.attachToCgroup(DROP_PROGRAM, cgroup));
  }
}
