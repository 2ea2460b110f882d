// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { uptime } from "node:os";
import { DEFAULT_LIMITS } from "../../core/limits.js";
import { createKernelEngine, type KernelEngine } from "../../sockmap/kernel.js";
import { DEFAULT_CONNECTIONS, ENGINE_OBJECT } from "../../sockmap/load.js";
import type { Level, Release } from "../../sockmap/engine.js";
import { until } from "../support/cli.js";
import { CgroupTree, cgroupRoot, end, listening } from "../support/endpoint.js";
import { Relay } from "../support/relay.js";
import { CLIENT, SERVER } from "../support/echo.js";
import { engineSuite } from "../conformance/engine.suite.js";

const WHO = `
  const { connect } = require("net");
  const socket = connect(Number(process.argv[2]), process.argv[1], () => socket.write("who"));
  socket.on("data", (bytes) => { console.log(bytes.toString() === socket.localAddress + " " + socket.localPort ? "me" : bytes.toString()); socket.end(); });`;

const root = cgroupRoot() ?? "/sys/fs/cgroup";
const NODE = process.execPath;
let tree: CgroupTree;
let engine: KernelEngine;
let relay: Relay;
let nextEndpoint = 100;

beforeAll(async () => {
  tree = new CgroupTree(root);
  const started = await Relay.start((fd) => {
    engine = createKernelEngine({
      cgroupRoot: root,
      sidecarCgroup: tree.sidecar,
      socketFd: fd,
      creditBytes: 1 << 20,
      tracing: true,
      guard: true,
      object: ENGINE_OBJECT,
      connections: DEFAULT_CONNECTIONS,
      limits: DEFAULT_LIMITS,
    });
    return engine;
  });
  relay = started.relay;
});

afterAll(async () => {
  await relay.close();
  await engine.stop();
  await tree.close();
});

async function withService(
  number: number,
  host: string,
  terms: { level?: Level; captureEgress?: boolean; optOut?: (port: number) => number[] },
  use: (port: number, cgroup: string) => Promise<void>,
): Promise<void> {
  const cgroup = tree.endpoint(number);
  const add = (optOutPorts: number[]): Promise<Release> =>
    engine.addEndpoint({
      number,
      cgroup,
      level: terms.level ?? "shortcut",
      captureEgress: terms.captureEgress ?? false,
      optOutPorts,
    });
  let release = await add([]);
  const service: ChildProcess = tree.spawn(cgroup, NODE, ["-e", SERVER, host]);
  try {
    const port = await listening(service);
    if (terms.optOut) {
      const again = await add(terms.optOut(port));
      const first = release;
      release = async () => {
        await again();
        await first();
      };
    }
    await use(port, cgroup);
  } finally {
    await end(service);
    await release();
  }
}

engineSuite("kernel", () => ({
  engine,
  link: () => relay.links.at(-1),
  roundTrip: (bytes) =>
    withService(nextEndpoint++, "127.0.0.1", {}, (port) =>
      tree.run(root, NODE, ["-e", CLIENT, "127.0.0.1", String(port), String(bytes)]).then(() => {}),
    ),
  terms: () => ({
    number: 72,
    cgroup: tree.endpoint("72-" + performance.now()),
    level: "shortcut",
    captureEgress: false,
    optOutPorts: [],
  }),
}));

describe.each(["127.0.0.1", "::1"])("service on %s", (host) => {
  test("all bytes arrive once and in order, moved by the kernel, and both sides close", async () => {
    await withService(host === "::1" ? 12 : 11, host, {}, async (port) => {
      const before = engine.totals();
      await tree.run(root, NODE, ["-e", CLIENT, host, String(port), "300000"]);
      const after = engine.totals();
      expect(after.kernelBytes - before.kernelBytes).toBe(4 * 300_000);
      expect(after.tcpBytes - before.tcpBytes).toBe(0);
      expect(relay.links.at(-1)?.accepted).toMatchObject({ outcome: "shortcut", clientEndpoint: 0 });
    });
  });

  test("a slow reader sends the direction to TCP, in order", async () => {
    await withService(host === "::1" ? 14 : 13, host, {}, async (port) => {
      const before = engine.totals();
      const overCredit = (): number => engine.totals().outcomes["slow:credit"] ?? 0;
      const release = relay.hold();
      const run = tree.run(root, NODE, ["-e", CLIENT, host, String(port), "6000000"]);
      await until(
        "a direction to go over its credit",
        () => overCredit() > (before.outcomes["slow:credit"] ?? 0),
      );
      release();
      await run;
      const after = engine.totals();
      expect(after.kernelBytes).toBeGreaterThan(before.kernelBytes);
    });
  });

  test("the service sees the client's address and port", async () => {
    await withService(host === "::1" ? 16 : 15, host, {}, async (port) => {
      expect(await tree.run(root, NODE, ["-e", WHO, host, String(port)])).toBe("me\n");
    });
  });
});

test("level off leaves everything on TCP", async () => {
  await withService(21, "127.0.0.1", { level: "off" }, async (port) => {
    const before = engine.totals();
    await tree.run(root, NODE, ["-e", CLIENT, "127.0.0.1", String(port), "300000"]);
    expect(engine.totals().kernelBytes).toBe(before.kernelBytes);
    expect(relay.links.at(-1)?.accepted.outcome).toBe("off");
  });
});

test("an opted-out port stays on TCP, by name", async () => {
  await withService(22, "127.0.0.1", { optOut: (port) => [port] }, async (port) => {
    const before = engine.totals();
    await tree.run(root, NODE, ["-e", CLIENT, "127.0.0.1", String(port), "300000"]);
    expect(engine.totals().kernelBytes).toBe(before.kernelBytes);
    expect(relay.links.at(-1)?.accepted.outcome).toBe("off:opted-out");
  });
});

test("a client that is an endpoint is known by its socket, also from a cgroup below its own", async () => {
  await withService(23, "127.0.0.1", {}, async (port) => {
    const cgroup = tree.endpoint(24);
    const release = await engine.addEndpoint({
      number: 24,
      cgroup,
      level: "shortcut",
      captureEgress: false,
      optOutPorts: [],
    });
    const below = tree.endpoint("24/below");
    for (const place of [cgroup, below]) {
      await tree.run(place, NODE, ["-e", CLIENT, "127.0.0.1", String(port), "1000"]);
      expect(relay.links.at(-1)?.accepted).toMatchObject({
        clientEndpoint: 24,
        serviceEndpoint: 23,
        outcome: "shortcut",
      });
    }
    await release();
  });
});

test.each(["127.0.0.1", "::1"])(
  "the process that connects to %s is told while it is recorded, and not before or after",
  async (host) => {
    const [service, client] = host === "::1" ? [27, 28] : [25, 26];
    await withService(service, host, {}, async (port) => {
      const cgroup = tree.endpoint(client);
      const release = await engine.addEndpoint({
        number: client,
        cgroup,
        level: "shortcut",
        captureEgress: false,
        optOutPorts: [],
      });
      const connects = async (user: string[] = []) => {
        const child = tree.spawn(cgroup, "env", [...user, NODE, "-e", CLIENT, host, String(port), "1000"]);
        const [code] = (await once(child, "close")) as [number | null];
        expect(code).toBe(0);
        return { pid: child.pid, accepted: relay.links.at(-1)?.accepted };
      };
      expect((await connects()).accepted?.process).toBeUndefined();
      engine.recordProcesses(client, true);
      engine.recordProcesses(client, true);
      const { dev, ino } = statSync(NODE, { bigint: true });
      const before = BigInt(Math.floor(uptime() * 1e9));
      const { pid, accepted } = await connects();
      expect(accepted?.process).toEqual({
        pid,
        startNs: expect.any(BigInt),
        uid: 0,
        cgroup: statSync(cgroup, { bigint: true }).ino,
        executable: { device: dev, inode: ino },
      });
      // The file's time is in hundredths of a second.
      expect(accepted?.process?.startNs).toBeGreaterThanOrEqual(before - 10_000_000n);
      expect(accepted?.process?.startNs).toBeLessThanOrEqual(BigInt(Math.ceil(uptime() * 1e9)) + 10_000_000n);
      const other = await connects(["setpriv", "--reuid", "65534", "--clear-groups"]);
      expect(other.accepted?.process).toMatchObject({ uid: 65534, pid: other.pid });
      engine.recordProcesses(client, false);
      expect((await connects()).accepted).toMatchObject({ clientEndpoint: client, process: undefined });
      await release();
    });
  },
);

test("a process of no endpoint is not recorded", async () => {
  await withService(29, "127.0.0.1", {}, async (port, cgroup) => {
    engine.recordProcesses(29, true);
    await tree.run(root, NODE, ["-e", CLIENT, "127.0.0.1", String(port), "1000"]);
    expect(relay.links.at(-1)?.accepted.process).toBeUndefined();
    await tree.run(cgroup, NODE, ["-e", CLIENT, "127.0.0.1", String(port), "1000"]);
    expect(relay.links.at(-1)?.accepted.process).toMatchObject({ uid: 0 });
  });
});

test("egress of an endpoint is redirected, and its application sees the address it meant", async () => {
  const server = tree.spawn(root, NODE, ["-e", SERVER, "127.0.0.1"]);
  const port = await listening(server);
  const cgroup = tree.endpoint(31);
  const release = await engine.addEndpoint({
    number: 31,
    cgroup,
    level: "shortcut",
    captureEgress: true,
    optOutPorts: [],
  });
  const print = `
    const socket = require("net").connect(${port}, "127.0.0.1", () => { console.log(socket.remoteAddress, socket.remotePort); socket.end(); });`;
  expect(await tree.run(cgroup, NODE, ["-e", print])).toBe(`127.0.0.1 ${port}\n`);
  expect(relay.links.at(-1)?.accepted).toMatchObject({
    clientEndpoint: 31,
    original: { address: "127.0.0.1", port },
  });
  await tree.run(cgroup, NODE, ["-e", CLIENT, "127.0.0.1", String(port), "300000"]);
  await release();
  await end(server);
});

test("the sidecar's own connects pass capture, those of others with the same program do not", async () => {
  await withService(41, "127.0.0.1", {}, async (port) => {
    const before = relay.links.length;
    await tree.run(tree.sidecar, NODE, ["-e", CLIENT, "127.0.0.1", String(port), "1000"]);
    expect(relay.links.length).toBe(before);
    await tree.run(root, NODE, ["-e", CLIENT, "127.0.0.1", String(port), "1000"]);
    expect(relay.links.length).toBe(before + 1);
  });
});

test("records come back: many more connections than there are records", async () => {
  await withService(51, "127.0.0.1", {}, async (port) => {
    const many = `
      const { connect } = require("net");
      let left = 10000, running = 0;
      const next = () => {
        while (running < 32 && left > 0) {
          left--; running++;
          const socket = connect({ port: ${port}, host: "127.0.0.1" }, () => socket.write("x"));
          socket.on("data", () => socket.end());
          socket.on("error", (error) => { console.log(error.message); process.exit(1); });
          socket.on("close", () => { running--; left === 0 && running === 0 ? console.log("done") : next(); });
        }
      };
      next();`;
    const before = engine.totals();
    expect(await tree.run(root, NODE, ["-e", many])).toBe("done\n");
    const after = engine.totals();
    expect(after.outcomes["off:no-record"] ?? 0).toBe(before.outcomes["off:no-record"] ?? 0);
    expect((after.outcomes.shortcut ?? 0) - (before.outcomes.shortcut ?? 0)).toBe(20_000);
  });
});

test("a client that is killed under load ends its link and nobody else's", async () => {
  await withService(61, "127.0.0.1", {}, async (port) => {
    const victim = tree.spawn(root, NODE, ["-e", CLIENT, "127.0.0.1", String(port), "500000000", "slow"]);
    const linked = relay.links.length;
    while (!((relay.links[linked]?.state().kernelBytes ?? 0) > 0))
      await new Promise((resolve) => setTimeout(resolve, 5));
    await end(victim, "SIGKILL");
    await tree.run(root, NODE, ["-e", CLIENT, "127.0.0.1", String(port), "300000"]);
    expect(relay.links.at(-1)?.accepted.outcome).toBe("shortcut");
  });
});
