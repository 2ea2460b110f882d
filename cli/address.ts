// SPDX-License-Identifier: Apache-2.0
import { isIP } from "node:net";

/** A prefix of IPv6 addresses; IPv4 ones stand at ::ffff:0:0/96. */
export interface Prefix {
  /** The address as a 128-bit number, the bits behind the prefix cleared. */
  readonly bits: bigint;
  /** Length in bits, 0 to 128. */
  readonly length: number;
}

const MAPPED = 0xffff_0000_0000n;

/** An IP address as a 128-bit number (IPv4 as mapped IPv6, zone ignored); undefined for anything else. */
export function addressBits(text: string): bigint | undefined {
  const [address = ""] = text.split("%");
  const family = isIP(address);
  if (family === 4) return MAPPED | ipv4Bits(address);
  if (family !== 6) return undefined;
  // An IPv4 tail counts as two groups.
  const groups = address.replace(/[0-9.]+\.[0-9]+$/, (tail) => {
    const bits = ipv4Bits(tail);
    return `${(bits >> 16n).toString(16)}:${(bits & 0xffffn).toString(16)}`;
  });
  const [head = "", tail] = groups.split("::");
  const before = head.split(":").filter(Boolean);
  const after = (tail ?? "").split(":").filter(Boolean);
  const zeros: string[] = new Array<string>(8 - before.length - after.length).fill("0");
  return [...before, ...zeros, ...after].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

function ipv4Bits(text: string): bigint {
  return text.split(".").reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

/** Reads `10.0.0.0/8`, `::1/128` or one address; undefined for anything else. */
export function parsePrefix(text: string): Prefix | undefined {
  const [address = "", given, more] = text.split("/");
  const bits = addressBits(address);
  if (bits === undefined || more !== undefined) return undefined;
  const offset = isIP(address) === 4 ? 96 : 0;
  const length = given === undefined ? 128 : /^\d{1,3}$/.test(given) ? offset + Number(given) : 129;
  if (length > 128) return undefined;
  return { bits: masked(bits, length), length };
}

/** An address with the bits behind a prefix length cleared. */
export function masked(bits: bigint, length: number): bigint {
  const cleared = BigInt(128 - length);
  return (bits >> cleared) << cleared;
}

/** Reads `127.0.0.1:80` or `[::1]:80`; undefined for anything else. */
export function parseHostPort(text: string): { host: string; port: number } | undefined {
  const [, six, four, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (port > 65_535) return undefined;
  if (six !== undefined && isIP(six) === 6) return { host: six, port };
  return four !== undefined && isIP(four) === 4 ? { host: four, port } : undefined;
}
