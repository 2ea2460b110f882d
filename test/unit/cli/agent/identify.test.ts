// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { forwardsOf, makeIdentify } from "../../../../cli/agent/identify.js";
import { parsePrefix, type Prefix } from "../../../../core/address.js";
import { PrefixTable, RESERVED } from "../../../../l7policy/index.js";
import type { Accepted } from "../../../../sockmap/engine.js";

const prefix = (text: string): Prefix => {
  const found = parsePrefix(text);
  if (!found) throw new Error(text);
  return found;
};

const addresses = new PrefixTable<number>();
addresses.set(prefix("10.0.0.0/8"), 300);
addresses.set(prefix("10.1.0.0/16"), 301);
addresses.set(prefix("2001:db8::/32"), 302);

const identify = makeIdentify({
  endpointIdentity: (number) => ({ 1: 401, 2: 402 })[number],
  processOf: ({ uid }) => ({ uid }),
  addresses,
  forwards: forwardsOf(
    [
      { address: "127.0.0.1:80", service: "127.0.0.1:8080", labels: { app: "a" } },
      { address: "0.0.0.0:81", service: "[::1]:8081", labels: { app: "b" } },
    ],
    ({ labels }) => (labels["app"] === "a" ? 501 : 502),
  ),
  worldOf: (address) => (address.startsWith("198.51.100.") ? 601 : RESERVED.world),
  interfaces: () => ["192.0.2.7"],
});

const accepted = (more: Partial<Accepted> = {}): Accepted => ({
  cookie: 1n,
  clientEndpoint: 0,
  serviceEndpoint: 0,
  original: undefined,
  outcome: "off",
  ...more,
});
const at = (remoteAddress: string, localAddress = "127.0.0.1", localPort = 80) => ({
  remoteAddress,
  remotePort: 50_000,
  localAddress,
  localPort,
});

test("who is no endpoint is told by address, the longest prefix first", () => {
  const client = (address: string): number | undefined => identify(accepted(), at(address))?.client;
  expect(client("10.9.9.9")).toBe(300);
  expect(client("::ffff:10.1.2.3")).toBe(301);
  expect(client("2001:db8::5")).toBe(302);
  expect(client("127.9.9.9")).toBe(RESERVED.host);
  expect(client("::1")).toBe(RESERVED.host);
  expect(client("192.0.2.7")).toBe(RESERVED.host);
  expect(client("192.0.2.8")).toBe(RESERVED.world);
  expect(client("198.51.100.1")).toBe(601);
});

test("captured: endpoints by number, whatever their addresses are", () => {
  const link = accepted({ clientEndpoint: 1, serviceEndpoint: 2 });
  expect(identify(link, at("10.1.2.3", "192.0.2.7", 9000))).toEqual({
    client: 401,
    clientIsEndpoint: true,
    service: 402,
    serviceIsEndpoint: true,
    address: "192.0.2.7",
    port: 9000,
  });
  expect(identify(accepted({ serviceEndpoint: 9 }), at("10.1.2.3"))).toBeUndefined();
  const process = { pid: 1, startNs: 0n, uid: 7, cgroup: 1n, executable: { device: 1n, inode: 1n } };
  const known = accepted({ clientEndpoint: 1, serviceEndpoint: 2, process });
  expect(identify(known, at("10.1.2.3"))?.process).toEqual({ uid: 7 });
});

test("egress: the service is told by the original address", () => {
  const link = accepted({ clientEndpoint: 1, original: { address: "10.1.2.3", port: 443 } });
  expect(identify(link, at("127.0.0.1", "127.0.0.1", 40_000))).toMatchObject({
    client: 401,
    service: 301,
    serviceIsEndpoint: false,
    address: "10.1.2.3",
    port: 443,
  });
});

test("forwards: also of a wildcard listener; anything else leads nowhere", () => {
  expect(identify(accepted(), at("10.1.2.3"))).toMatchObject({
    service: 501,
    address: "127.0.0.1",
    port: 8080,
  });
  expect(identify(accepted(), at("10.1.2.3", "192.0.2.7", 81))).toMatchObject({
    service: 502,
    address: "::1",
    port: 8081,
  });
  expect(identify(accepted(), at("10.1.2.3", "127.0.0.1", 82))).toBeUndefined();
});
