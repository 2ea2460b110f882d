// SPDX-License-Identifier: Apache-2.0
import { addressBits, masked, parsePrefix, type Prefix } from "../../core/address.js";

/** Longest-prefix match from addresses to values, for both IP versions in one table. */
export class AddressTable<Value> {
  /** Per prefix length, longest first: masked address to value. */
  private readonly lengths: { readonly length: number; readonly entries: Map<bigint, Value> }[] = [];

  /** Adds or replaces. */
  set({ bits, length }: Prefix, value: Value): void {
    let at = this.lengths.find((known) => known.length === length);
    if (!at) {
      at = { length, entries: new Map() };
      this.lengths.push(at);
      this.lengths.sort((a, b) => b.length - a.length);
    }
    at.entries.set(bits, value);
  }

  /** Value of the longest prefix that contains the address; undefined where none does, or it is no address. */
  get(address: string): Value | undefined {
    const bits = addressBits(address);
    if (bits === undefined) return undefined;
    for (const { length, entries } of this.lengths) {
      const value = entries.get(masked(bits, length));
      if (value !== undefined) return value;
    }
    return undefined;
  }
}

const LOOPBACK = ["127.0.0.0/8", "::1/128"].map(parsePrefix) as Prefix[];

/**
 * Tells whether an address is one of this machine.
 * @param interfaces the machine's addresses as they are now (`os.networkInterfaces()`)
 */
export function isLocal(address: string, interfaces: () => Iterable<string>): boolean {
  const bits = addressBits(address);
  if (bits === undefined) return false;
  if (LOOPBACK.some((prefix) => masked(bits, prefix.length) === prefix.bits)) return true;
  for (const own of interfaces()) if (addressBits(own) === bits) return true;
  return false;
}
