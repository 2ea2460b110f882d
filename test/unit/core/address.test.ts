// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { isIP } from "node:net";
import { addressBits, contains, parsePrefix, prefixText, type Prefix } from "../../../core/address.js";

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

test.each([
  "",
  "localhost",
  "1.2.3",
  "1.2.3.4.",
  "1.2.3.4.5",
  "01.2.3.4",
  "256.0.0.1",
  ":::",
  "::1::",
  "1:2:3",
  "::g",
  "1:2:3:4:5:6:7::8",
  "::12345",
  "%eth0",
])("%p is no address", (text) => {
  expect(addressBits(text)).toBeUndefined();
  expect(parsePrefix(text)).toBeUndefined();
});

test("prefixes lose the bits behind them", () => {
  expect(parsePrefix("10.1.2.3/8")).toEqual({ bits: 0xffff0a000000n, length: 104 });
  expect(parsePrefix("10.1.2.3")).toEqual({ bits: 0xffff0a010203n, length: 128 });
  expect(parsePrefix("0.0.0.0/0")).toEqual({ bits: 0xffff00000000n, length: 96 });
  expect(parsePrefix("::/0")).toEqual({ bits: 0n, length: 0 });
  for (const wrong of ["10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/a", "10.0.0.0/8/8", "10.0.0.0/-1"])
    expect(parsePrefix(wrong)).toBeUndefined();
});

test("what is an address is what Node says", () => {
  const piece = fc.constantFrom("1", "0", "255", "256", "ffff", "g", ":", "::", ".", "1.2.3.4", "00");
  fc.assert(
    fc.property(
      fc.oneof(
        fc.ipV4(),
        fc.ipV6(),
        fc.array(piece).map((all) => all.join("")),
      ),
      (text) => {
        expect(addressBits(text) !== undefined).toBe(isIP(text) > 0);
      },
    ),
    { numRuns: 2000 },
  );
});

test("the text of a prefix reads as that prefix", () => {
  const length = fc.integer({ min: 0, max: 32 });
  const any = fc.oneof(
    fc.tuple(fc.ipV4(), length).map(([ip, bits]) => `${ip}/${bits}`),
    fc.tuple(fc.ipV6(), length).map(([ip, bits]) => `${ip}/${bits * 4}`),
  );
  fc.assert(
    fc.property(any, (text) => {
      const prefix = parsePrefix(text) as Prefix;
      expect(parsePrefix(prefixText(prefix))).toEqual(prefix);
      expect(contains(prefix, prefix)).toBe(true);
    }),
  );
});

test("containment", () => {
  const inside = (outer: string, inner: string): boolean =>
    contains(parsePrefix(outer) as Prefix, parsePrefix(inner) as Prefix);
  expect(inside("10.0.0.0/8", "10.1.0.0/16")).toBe(true);
  expect(inside("10.1.0.0/16", "10.0.0.0/8")).toBe(false);
  expect(inside("10.0.0.0/8", "11.0.0.0/8")).toBe(false);
  expect(inside("0.0.0.0/0", "::1/128")).toBe(false);
  expect(inside("::/0", "1.2.3.4")).toBe(false);
  expect(inside("::/0", "2001:db8::1")).toBe(true);
  expect(inside("0.0.0.0/0", "::ffff:1.2.3.4")).toBe(true);
});
