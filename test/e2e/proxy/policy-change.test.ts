// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, test } from "@jest/globals";
import type { Log } from "../../../core/log.js";
import { silentLog } from "../../../core/log.js";
import type { PolicyRevision, RuleSet } from "../../../l7policy/policy.js";
import type { AccessEntry } from "../../../proxy/context.js";
import {
  client,
  closeClients,
  ingressPolicy,
  pathRules,
  RecordingService,
  startSidecar,
  type SidecarTerms,
} from "../../support/peers.js";

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const UPGRADE = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
const SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const DENY: RuleSet = { kind: "deny" };
const ALLOW: RuleSet = { kind: "allow" };

const undo: (() => Promise<void>)[] = [];

afterEach(async () => {
  closeClients();
  for (const action of undo.splice(0).reverse()) await action();
});

/** A service that answers requests, agrees to upgrades and echoes whatever is neither. */
async function path(terms: Omit<SidecarTerms, "service"> = {}) {
  const service = await RecordingService.start(({ socket }) =>
    socket.on("data", (bytes: Buffer) => {
      const text = bytes.toString("latin1");
      if (text.includes("Upgrade: ")) socket.write(SWITCHING);
      else socket.write(text.startsWith("GET") ? OK.repeat(text.split("GET ").length - 1) : bytes);
    }),
  );
  undo.push(() => service.stop());
  const started = await startSidecar({ service: service.port, ...terms });
  undo.push(() => started.sidecar.close());
  return { service, ...started };
}

async function tunnel(port: number, to: string) {
  const peer = await client(port);
  peer.socket.write(UPGRADE(to));
  await peer.expectText("101 Switching");
  peer.socket.write("one ");
  await peer.expectText("one ");
  return peer;
}

async function stream(port: number) {
  const peer = await client(port);
  peer.socket.write("one ");
  await peer.expectText("one ");
  return peer;
}

describe("streams that are open when the policy changes", () => {
  test("a tunnel is ended when its request would be denied now, others go on", async () => {
    const { sidecar, port } = await path();
    const [ended, kept] = [await tunnel(port, "/ok/upgrade/a"), await tunnel(port, "/ok/upgrade/b")];
    const only: RuleSet = {
      ...pathRules("/ok/upgrade/b"),
      kind: "l7",
      protocol: "http",
      id: "b",
      judge: (fields) => fields.text(1).startsWith("/ok/upgrade/b"),
      judgeUpgrade: () => true,
    };
    sidecar.setPolicy(ingressPolicy(only));
    await ended.close();
    expect(ended.error).toBe("ECONNRESET");
    kept.socket.write("two");
    await kept.expectText("two");
    expect(sidecar.counters.snapshot()).toMatchObject({ "ended:policy": 1 });
  });

  test("a tunnel is ended when no rule names upgrades any more", async () => {
    const { sidecar, port } = await path();
    const ended = await tunnel(port, "/ok/upgrade");
    sidecar.setPolicy(
      ingressPolicy({
        kind: "l7",
        protocol: "http",
        id: "none",
        judge: () => true,
        judgeUpgrade: () => false,
      }),
    );
    await ended.close();
    expect(sidecar.counters.snapshot()).toMatchObject({ "ended:policy": 1 });
  });

  test("a policy that comes while an upgrade is being answered holds for the tunnel", async () => {
    let answer = (): void => {};
    const service = await RecordingService.start(({ socket }) =>
      socket.once("data", () => (answer = () => socket.write(SWITCHING))),
    );
    undo.push(() => service.stop());
    const { sidecar, port } = await startSidecar({ service: service.port });
    undo.push(() => sidecar.close());
    const peer = await client(port);
    peer.socket.write(UPGRADE("/ok/upgrade"));
    while (!service.text.includes("Upgrade")) await new Promise((resolve) => setTimeout(resolve, 5));
    sidecar.setPolicy(ingressPolicy(pathRules("/other")));
    expect(peer.closed).toBe(false);
    answer();
    await peer.close();
    expect(sidecar.counters.snapshot()).toMatchObject({ "ended:policy": 1 });
  });

  test("an uninspected stream is ended when its peer is denied", async () => {
    const { sidecar, port } = await path({ policy: ingressPolicy(ALLOW) });
    const peer = await stream(port);
    sidecar.setPolicy(ingressPolicy(DENY));
    await peer.close();
    expect([peer.error, sidecar.counters.snapshot()]).toEqual([
      "ECONNRESET",
      { allowed: 1, "ended:policy": 1 },
    ]);
  });

  test("they are kept where that is asked for; requests are judged all the same", async () => {
    const { sidecar, port } = await path({ keepStreams: true });
    const upgraded = await tunnel(port, "/ok/upgrade");
    const requests = await client(port);
    requests.socket.write(GET("/ok"));
    await requests.expectText("hi");
    sidecar.setPolicy(ingressPolicy(ALLOW));
    const opaque = await stream(port);
    sidecar.setPolicy(ingressPolicy(DENY));
    for (const peer of [upgraded, opaque]) {
      peer.socket.write("two");
      await peer.expectText("two");
    }
    requests.socket.write(GET("/ok"));
    await requests.expectText("403 Forbidden");
    const late = await client(port);
    await late.close();
    expect(sidecar.counters.snapshot()).toMatchObject({ "denied:policy": 1, "denied:peer": 1 });
    expect(sidecar.counters.snapshot()).not.toHaveProperty("ended:policy");
  });

  test("a party that has another identity now is judged as who it is", async () => {
    const parties = {
      client: 1,
      clientIsEndpoint: true,
      service: 2,
      serviceIsEndpoint: true,
      address: "127.0.0.1",
      port: 0,
    };
    const policy: PolicyRevision = {
      ...ingressPolicy(ALLOW),
      ingress: (_endpoint, _port, peer) => (peer === 1 ? ALLOW : DENY),
    };
    const service = await RecordingService.start(({ socket }) => socket.pipe(socket));
    undo.push(() => service.stop());
    let identity = 1;
    const { sidecar, port } = await startSidecar({
      service: service.port,
      policy,
      identify: () => ({ ...parties, client: identity, port: service.port }),
    });
    undo.push(() => sidecar.close());
    const peer = await stream(port);
    sidecar.identitiesChanged();
    peer.socket.write("two");
    await peer.expectText("two");
    identity = 3;
    sidecar.identitiesChanged();
    await peer.close();
    expect(sidecar.counters.snapshot()).toEqual({ allowed: 1, "ended:policy": 1 });
  });
});

describe("audit", () => {
  const audited = (set: RuleSet): PolicyRevision => ({ ...ingressPolicy(set), audit: true });

  /** A log that keeps what would be denied. */
  function auditLog() {
    const lines: object[] = [];
    const log: Log = { ...silentLog, warn: (fields) => void lines.push(fields) };
    return { lines, log };
  }

  test("requests that policy denies are forwarded, counted and told", async () => {
    const entries: AccessEntry[] = [];
    const { lines, log } = auditLog();
    const { sidecar, port, service } = await path({
      policy: audited(pathRules("/ok")),
      access: (entry) => entries.push(entry),
      log,
    });
    const peer = await client(port);
    peer.socket.write(GET("/ok"));
    await peer.until(({ text }) => text === OK);
    peer.socket.write(GET("/no") + GET("/ok"));
    await peer.until(({ text }) => text === OK.repeat(3));
    expect(service.text).toBe(GET("/ok") + GET("/no") + GET("/ok"));
    expect(sidecar.counters.snapshot()).toEqual({ allowed: 2, "audited:policy": 1 });
    expect(entries.map(({ request, outcome }) => [request, outcome])).toEqual([
      ["GET /ok", "allowed"],
      ["GET /no", "audited:policy"],
      ["GET /ok", "allowed"],
    ]);
    const where = { client: 1000, service: 1001, port: service.port };
    expect(lines).toEqual([{ outcome: "audited:policy", ...where, request: "GET /no" }]);
  });

  test("upgrades and peers that policy denies pass too; what is no request does not", async () => {
    const { sidecar, port } = await path({ policy: audited(pathRules("/ok")) });
    await tunnel(port, "/ok/other");
    const broken = await client(port);
    broken.socket.write("NO REQUEST\r\n\r\n");
    await broken.expectText("bad-version");
    sidecar.setPolicy(audited(DENY));
    const peer = await stream(port);
    peer.socket.end();
    expect(sidecar.counters.snapshot()).toMatchObject({ "audited:policy": 1, "denied:malformed": 1 });
    expect(sidecar.counters.snapshot()["audited:peer"]).toBeGreaterThanOrEqual(1);
  });

  test("no stream is ended; it is counted once that it would be", async () => {
    const { sidecar, port } = await path({ policy: audited(ALLOW) });
    const peer = await stream(port);
    for (const set of [DENY, DENY, pathRules("/ok"), DENY]) sidecar.setPolicy(audited(set));
    peer.socket.write("two");
    await peer.expectText("two");
    expect(sidecar.counters.snapshot()).toEqual({ allowed: 1, "audited:peer": 1 });
    sidecar.setPolicy(ingressPolicy(DENY));
    await peer.close();
    expect(sidecar.counters.snapshot()).toMatchObject({ "ended:policy": 1 });
  });

  test("a flood of them is counted, and not a flood of lines", async () => {
    const { lines, log } = auditLog();
    const { sidecar, port } = await path({ policy: audited(pathRules("/ok")), log });
    const peer = await client(port);
    const many = 2_000;
    for (let sent = 0; sent < many; sent += 50) {
      peer.socket.write(GET("/no").repeat(50));
      await peer.until(({ text }) => text.length === OK.length * (sent + 50));
    }
    expect(sidecar.counters.snapshot()).toEqual({ "audited:policy": many });
    expect(lines.length).toBeLessThan(many);
  });
});
