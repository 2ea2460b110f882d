// SPDX-License-Identifier: Apache-2.0
import { networkInterfaces } from "node:os";
import { addressBits, masked, parsePrefix, type Prefix } from "../../core/address.js";
import type { Clock } from "../../core/clock.js";

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

/** Addresses of this machine, looked up at most every ten seconds. */
export function ownAddresses(clock: Clock): () => readonly string[] {
  let known: readonly string[] = [];
  let until = -Infinity;
  return () => {
    if (clock.now() >= until) {
      until = clock.now() + 10_000;
      known = Object.values(networkInterfaces()).flatMap((one) => one?.map(({ address }) => address) ?? []);
    }
    return known;
  };
}
