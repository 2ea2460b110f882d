// SPDX-License-Identifier: Apache-2.0
import { addressBits } from "../../core/address.js";

const MOST_NAMES_OF_ADDRESS = 256;
const MOST_ADDRESSES = 100_000;

/**
 * Which names DNS has given for an address, as far as they still hold. A DNS proxy teaches it what it saw; the names
 * are those that were asked for, not those that a CNAME led to.
 */
export class NameTable {
  /** Address to names, and the time until which each holds. */
  private readonly byAddress = new Map<bigint, Map<string, number>>();

  /**
   * Learns an answer.
   * @param until when it ends to hold, in the caller's own clock
   * @returns false when the table is full and the answer was not learned
   */
  learn(name: string, addresses: readonly string[], until = Infinity): boolean {
    const key = name.toLowerCase().replace(/\.$/, "");
    let learned = true;
    for (const address of addresses) {
      const bits = addressBits(address);
      if (bits === undefined) continue;
      let names = this.byAddress.get(bits);
      if (!names) {
        if (this.byAddress.size >= MOST_ADDRESSES) {
          learned = false;
          continue;
        }
        this.byAddress.set(bits, (names = new Map()));
      }
      if (names.size >= MOST_NAMES_OF_ADDRESS && !names.has(key)) learned = false;
      else names.set(key, Math.max(until, names.get(key) ?? 0));
    }
    return learned;
  }

  /** Forgets what ended to hold before `now`. */
  expire(now: number): void {
    for (const [bits, names] of this.byAddress) {
      for (const [name, until] of names) if (until < now) names.delete(name);
      if (names.size === 0) this.byAddress.delete(bits);
    }
  }

  /** Names of an address. */
  of(address: string): Iterable<string> {
    const bits = addressBits(address);
    return (bits !== undefined && this.byAddress.get(bits)?.keys()) || [];
  }
}
