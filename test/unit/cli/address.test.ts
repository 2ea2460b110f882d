// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { parseHostPort } from "../../../cli/address.js";

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
