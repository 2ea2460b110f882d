// SPDX-License-Identifier: Apache-2.0
import { errnoName, lastErrno, loadLibc } from "./libbpf.js";
import { SockmeshError } from "../core/errors.js";

const SOL_SOCKET = 1;
const SO_COOKIE = 57;
const SO_NETNS_COOKIE = 71;
const AF_INET = 2;
const AF_INET6 = 10;

const length = new Int32Array(1);
const storage = new Uint8Array(128);

function cookieOption(fd: number, option: number): Uint8Array {
  const value = new Uint8Array(8);
  length[0] = 8;
  if (loadLibc().getsockopt(fd, SOL_SOCKET, option, value, length) !== 0)
    throw new SockmeshError("SM_BPF_UNAVAILABLE", `getsockopt: ${errnoName(lastErrno())}`);
  return value;
}

/** The 8 bytes of a socket's cookie (SO_COOKIE), never reused while the machine runs. */
export function socketCookie(fd: number): Uint8Array {
  return cookieOption(fd, SO_COOKIE);
}

/** Cookie of the network namespace that a socket belongs to (SO_NETNS_COOKIE, kernel 5.14). */
export function netnsCookie(fd: number): bigint {
  return new BigUint64Array(cookieOption(fd, SO_NETNS_COOKIE).buffer)[0] ?? 0n;
}

/** The peer's address as 16 bytes (IPv4 as mapped IPv6) and port; port 0 when the peer is gone. */
export function peerAddress(fd: number, address: Uint8Array): number {
  length[0] = storage.length;
  if (loadLibc().getpeername(fd, storage, length) !== 0) return 0;
  const family = (storage[0] ?? 0) | ((storage[1] ?? 0) << 8);
  address.fill(0);
  if (family === AF_INET) {
    address[10] = address[11] = 0xff;
    address.set(storage.subarray(4, 8), 12);
  } else if (family === AF_INET6) address.set(storage.subarray(8, 24));
  else return 0;
  return ((storage[2] ?? 0) << 8) | (storage[3] ?? 0);
}

/** Text of a 16-byte address: dotted for mapped IPv4, else the eight groups in hex. */
export function addressText(address: Uint8Array): string {
  const mapped =
    address.subarray(0, 10).every((byte) => byte === 0) && address[10] === 0xff && address[11] === 0xff;
  if (mapped) return address.subarray(12, 16).join(".");
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2)
    groups.push((((address[i] ?? 0) << 8) | (address[i + 1] ?? 0)).toString(16));
  return groups.join(":");
}
