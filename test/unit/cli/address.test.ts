// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { addressBits, parseHostPort, parsePrefix } from "../../../cli/address.js";

test.each([
  ["127.0.0.1", 0xffff7f000001n],
  ["::ffff:127.0.0.1", 0xffff7f000001n],
  ["::ffff:7f00:1", 0xffff7f000001n],
  ["::", 0n],
  ["::1", 1n],
  ["1::", 1n << 112n],
  ["fe80::1%eth0", (0xfe80n << 112n) | 1n],
  ["2001:db8:0:1:2:3:4:5", 0x20010db8000000010002000300040005n],
  ["64:ff9b::192.0.2.33", 0x64ff9b0000000000000000c0000221n],
])("%s is one number however it is written", (text, bits) => {
  expect(addressBits(text)).toBe(bits);
});

test.each(["", "localhost", "1.2.3", "1.2.3.4.5", "256.0.0.1", ":::", "1:2:3", "::g"])(
  "%p is no address",
  (text) => {
    expect(addressBits(text)).toBeUndefined();
    expect(parsePrefix(text)).toBeUndefined();
  },
);

test("prefixes lose the bits behind them", () => {
  expect(parsePrefix("10.1.2.3/8")).toEqual({ bits: 0xffff0a000000n, length: 104 });
  expect(parsePrefix("10.1.2.3")).toEqual({ bits: 0xffff0a010203n, length: 128 });
  expect(parsePrefix("0.0.0.0/0")).toEqual({ bits: 0xffff00000000n, length: 96 });
  expect(parsePrefix("::/0")).toEqual({ bits: 0n, length: 0 });
  for (const wrong of ["10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/a", "10.0.0.0/8/8", "10.0.0.0/-1"])
    expect(parsePrefix(wrong)).toBeUndefined();
});

test("an address with a port", () => {
  expect(parseHostPort("127.0.0.1:80")).toEqual({ host: "127.0.0.1", port: 80 });
  expect(parseHostPort("[::1]:65535")).toEqual({ host: "::1", port: 65_535 });
  for (const wrong of [
    "",
    "80",
    ":80",
    "::1:80",
    "[127.0.0.1]:80",
    "localhost:80",
    "127.0.0.1:65536",
    "[::1]",
  ])
    expect(parseHostPort(wrong)).toBeUndefined();
});
