// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll } from "@jest/globals";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { SocketEngine } from "../../sockmap/engine.js";
import { UserSpaceEngine } from "../../sockmap/userspace.js";
import { CLIENT, SERVER } from "../support/echo.js";
import { end, listening } from "../support/endpoint.js";
import { Relay } from "../support/relay.js";
import { engineSuite } from "./engine.suite.js";

let service: ChildProcess;
let relay: Relay;
let engine: SocketEngine;

beforeAll(async () => {
  service = spawn(process.execPath, ["-e", SERVER, "127.0.0.1"], { stdio: ["ignore", "pipe", "inherit"] });
  ({ relay, engine } = await Relay.start(() => new UserSpaceEngine("under test"), await listening(service)));
});

afterAll(async () => {
  await relay.close();
  await end(service);
});

async function roundTrip(bytes: number): Promise<void> {
  const client = spawn(process.execPath, ["-e", CLIENT, "127.0.0.1", String(relay.port), String(bytes)], {
    stdio: "ignore",
  });
  const [code] = (await once(client, "close")) as [number];
  if (code !== 0) throw new Error(`the client ended with ${code}`);
}

engineSuite("user-space", () => ({
  engine,
  link: () => relay.links.at(-1),
  roundTrip,
  terms: () => ({ number: 1, cgroup: "/", level: "shortcut", captureEgress: false, optOutPorts: [] }),
}));
