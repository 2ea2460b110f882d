// SPDX-License-Identifier: Apache-2.0
/** A prefix of IPv6 addresses; IPv4 ones stand at ::ffff:0:0/96. */
export interface Prefix {
  /** The address as a 128-bit number, the bits behind the prefix cleared. */
  readonly bits: bigint;
  /** Length in bits, 0 to 128. */
  readonly length: number;
}

const MAPPED = 0xffff_0000_0000n;
const MAPPED_LENGTH = 96;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const GROUP = /^[0-9a-fA-F]{1,4}$/;

/** An IP address as a 128-bit number (IPv4 as mapped IPv6, zone ignored); undefined for anything else. */
export function addressBits(text: string): bigint | undefined {
  if (IPV4.test(text)) return MAPPED | ipv4Bits(text);
  const zone = text.indexOf("%");
  return ipv6Bits(zone > 0 ? text.slice(0, zone) : text);
}

function ipv4Bits(text: string): bigint {
  return text.split(".").reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

function ipv6Bits(text: string): bigint | undefined {
  // An IPv4 tail counts as two groups.
  const tail = text.slice(text.lastIndexOf(":") + 1);
  let groups = text;
  if (IPV4.test(tail)) {
    const bits = ipv4Bits(tail);
    groups = `${text.slice(0, -tail.length)}${(bits >> 16n).toString(16)}:${(bits & 0xffffn).toString(16)}`;
  }
  const halves = groups.split("::");
  if (halves.length > 2) return undefined;
  const [before = [], after] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const given = before.length + (after?.length ?? 0);
  if (after ? given > 7 : given !== 8) return undefined;
  const zeros = new Array<string>(8 - given).fill("0");
  const all = [...before, ...zeros, ...(after ?? [])];
  if (!all.every((group) => GROUP.test(group))) return undefined;
  return all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** Reads `10.0.0.0/8`, `::1/128` or one address; undefined for anything else. */
export function parsePrefix(text: string): Prefix | undefined {
  const [address = "", given, more] = text.split("/");
  const bits = addressBits(address);
  if (bits === undefined || more !== undefined) return undefined;
  const offset = address.includes(":") ? 0 : MAPPED_LENGTH;
  const length = given === undefined ? 128 : /^\d{1,3}$/.test(given) ? offset + Number(given) : 129;
  if (length > 128) return undefined;
  return { bits: masked(bits, length), length };
}

/** An address with the bits behind a prefix length cleared. */
export function masked(bits: bigint, length: number): bigint {
  const cleared = BigInt(128 - length);
  return (bits >> cleared) << cleared;
}

/** True for a prefix of IPv4 addresses. */
export function isIpv4({ bits, length }: Prefix): boolean {
  return length >= MAPPED_LENGTH && bits >> 32n === MAPPED >> 32n;
}

/** True when every address of `inner` is in `outer`. IPv4 addresses are in no prefix of IPv6 ones, `::/0` neither. */
export function contains(outer: Prefix, inner: Prefix): boolean {
  if (isIpv4(inner) !== isIpv4(outer)) return false;
  return outer.length <= inner.length && masked(inner.bits, outer.length) === outer.bits;
}

/** Text of a prefix, one for each: `10.0.0.0/8`, `2001:db8:0:0:0:0:0:0/32`. */
export function prefixText(prefix: Prefix): string {
  const { bits, length } = prefix;
  if (isIpv4(prefix))
    return `${[24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 255n).join(".")}/${length - MAPPED_LENGTH}`;
  const groups = Array.from({ length: 8 }, (_, i) => (bits >> BigInt(112 - 16 * i)) & 0xffffn);
  return `${groups.map((group) => group.toString(16)).join(":")}/${length}`;
}
