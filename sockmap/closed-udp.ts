// SPDX-License-Identifier: Apache-2.0
import { OPT_OUT_KEY } from "./abi.js";
import type { BpfMap } from "./map.js";
import { StructBytes, u32Key } from "./structs.js";

/** Ports whose datagrams the kernel drops, by endpoint. */
export class ClosedUdp {
  private readonly byEndpoint = new Map<number, readonly number[]>();

  constructor(private readonly map: BpfMap) {}

  /** Closes these ports of an endpoint and opens its others; port 0 is every port. Throws SM_BPF_MAP. */
  set(endpoint: number, ports: readonly number[]): void {
    const { map, byEndpoint } = this;
    const key = (port: number): Uint8Array =>
      new StructBytes(OPT_OUT_KEY).setU32("endpoint", endpoint).setU32("port", port).bytes;
    const before = byEndpoint.get(endpoint) ?? [];
    // Opened last: a port that stays closed is closed at every moment.
    try {
      for (const port of ports) map.update(key(port), u32Key(1));
    } catch (error) {
      // No room for each of them: rather all.
      for (const port of ports) map.delete(key(port));
      if (ports.includes(0)) throw error;
      return this.set(endpoint, [0]);
    }
    for (const port of before) if (!ports.includes(port)) map.delete(key(port));
    if (ports.length > 0) byEndpoint.set(endpoint, ports);
    else byEndpoint.delete(endpoint);
  }
}
