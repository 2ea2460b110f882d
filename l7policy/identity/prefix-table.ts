// SPDX-License-Identifier: Apache-2.0
import { addressBits, isIpv4, masked, type Prefix } from "../../core/address.js";

/** Longest-prefix match from addresses to values; IPv4 and IPv6 apart. */
export class PrefixTable<Value> {
  private readonly families = [new Family<Value>(), new Family<Value>()] as const;

  /** Adds or replaces. */
  set(prefix: Prefix, value: Value): void {
    this.families[isIpv4(prefix) ? 0 : 1].set(prefix, value);
  }

  /** Takes out; nothing happens when it is not there. */
  delete(prefix: Prefix): void {
    this.families[isIpv4(prefix) ? 0 : 1].delete(prefix);
  }

  /** Value of the longest prefix that contains the address; undefined where none does, or it is no address. */
  get(address: string): Value | undefined {
    const bits = addressBits(address);
    if (bits === undefined) return undefined;
    return this.families[isIpv4({ bits, length: 128 }) ? 0 : 1].get(bits);
  }
}

class Family<Value> {
  /** Per prefix length, longest first: masked address to value. */
  private readonly lengths: { readonly length: number; readonly entries: Map<bigint, Value> }[] = [];

  set({ bits, length }: Prefix, value: Value): void {
    let at = this.lengths.find((known) => known.length === length);
    if (!at) {
      at = { length, entries: new Map() };
      this.lengths.push(at);
      this.lengths.sort((a, b) => b.length - a.length);
    }
    at.entries.set(bits, value);
  }

  delete({ bits, length }: Prefix): void {
    const at = this.lengths.findIndex((known) => known.length === length);
    const found = this.lengths[at];
    found?.entries.delete(bits);
    if (found?.entries.size === 0) this.lengths.splice(at, 1);
  }

  get(bits: bigint): Value | undefined {
    for (const { length, entries } of this.lengths) {
      const value = entries.get(masked(bits, length));
      if (value !== undefined) return value;
    }
    return undefined;
  }
}
