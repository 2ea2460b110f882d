// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { deviceOf } from "../../../sockmap/connects.js";

test("a device is told as stat(2) tells it, also with a large minor number", () => {
  // The kernel has 12 bits major, 20 bits minor; makedev(3) puts the upper bits of minor over those of major.
  expect(deviceOf(0x0fe0_0001)).toBe(0xfe01n);
  expect(deviceOf(0xfff0_00ff)).toBe(0xf_ffffn);
  expect(deviceOf((8 << 20) | 0x12c)).toBe(0x0010_082cn);
  expect(deviceOf(0x000f_ffff)).toBe(0xfff0_00ffn);
});
