// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test } from "@jest/globals";
import { createHash } from "node:crypto";
import {
  client,
  closeClients,
  ingressPolicy,
  pathRules,
  type Peer,
  RecordingService,
  startSidecar,
  type SidecarTerms,
} from "../../support/peers.js";

const GET = "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const UPGRADE = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
const SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const undo: (() => Promise<void>)[] = [];

afterEach(async () => {
  closeClients();
  for (const action of undo.splice(0).reverse()) await action();
});

async function path(onPeer: (peer: Peer) => void, terms: Omit<SidecarTerms, "service"> = {}) {
  const service = await RecordingService.start(onPeer);
  undo.push(() => service.stop());
  const started = await startSidecar({ service: service.port, ...terms });
  undo.push(() => started.sidecar.close());
  return { service, ...started };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Bytes that show where they belong. */
function pattern(bytes: number): Buffer {
  const out = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) out.writeUInt32LE((at * 2654435761) >>> 0, at);
  return out;
}

const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

test("10 MB to a service that reads slowly arrive whole, and the client is held back", async () => {
  const body = pattern(10_000_000);
  const { service, sidecar, port } = await path((peer) => peer.socket.pause());
  const peer = await client(port);
  peer.socket.write(`POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`);
  peer.socket.write(body);
  let before = -1;
  for (let moved = 0; moved !== before; await pause(100)) {
    before = moved;
    moved = sidecar.connections()[0]?.bytesFromClient ?? 0;
  }
  const held = sidecar.connections()[0]?.bytesFromClient ?? 0;
  expect(held).toBeLessThan(body.length);
  const [serving] = service.peers;
  serving?.socket.resume();
  await serving?.until(({ received }) => received.length >= body.length + 40, "the whole body");
  const { received } = serving as Peer;
  expect(digest(received.subarray(received.indexOf("\r\n\r\n") + 4))).toBe(digest(body));
});

test("10 MB to a client that reads slowly arrive whole, and the service is held back", async () => {
  const body = pattern(10_000_000);
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`;
  const { service, sidecar, port } = await path((peer) =>
    peer.socket.once("data", () => {
      peer.socket.write(head);
      peer.socket.write(body);
    }),
  );
  const peer = await client(port);
  peer.socket.pause();
  peer.socket.write(GET + GET);
  let before = -1;
  for (let moved = 0; moved !== before || moved === 0; await pause(100)) {
    before = moved;
    moved = sidecar.connections()[0]?.bytesFromService ?? 0;
  }
  expect(before).toBeLessThan(body.length);
  expect(service.text).toBe(GET + GET);
  peer.socket.resume();
  await peer.until(({ received }) => received.length >= head.length + body.length, "the whole body");
  expect(digest(peer.received.subarray(head.length))).toBe(digest(body));
});

test("a client that sends denied requests and never reads is held back", async () => {
  const { sidecar, port } = await path(() => {});
  const peer = await client(port);
  peer.socket.pause();
  const many = Buffer.from("GET /no HTTP/1.1\r\nHost: a\r\n\r\n".repeat(20_000));
  let sent = 0;
  const more = (): void => {
    while (sent < 200) {
      sent++;
      if (!peer.socket.write(many)) return void peer.socket.once("drain", more);
    }
  };
  more();
  let before = -1;
  for (let moved = 0; moved !== before; await pause(100)) {
    before = moved;
    moved = sidecar.connections()[0]?.bytesFromClient ?? 0;
  }
  expect(before).toBeLessThan(200 * many.length);
});

test("no more requests are taken than may wait for their answers, up to one read", async () => {
  const { service, sidecar, port } = await path(() => {}, { limits: { pipelined: 4 } });
  const peer = await client(port);
  for (let i = 0; i < 20; i++) {
    peer.socket.write(GET);
    await pause(5);
  }
  expect(sidecar.connections()[0]?.requests).toBeLessThan(8);
  for (let i = 0; i < 20; i++) {
    await service.peers[0]?.until(({ text }) => text.length >= (i + 1) * GET.length, `request ${i}`);
    service.peers[0]?.socket.write(OK);
  }
  await peer.until(({ text }) => text === OK.repeat(20));
});

test("an upgrade that a rule names becomes a tunnel, with the bytes around it in their places", async () => {
  const { service, sidecar, port } = await path((peer) => {
    void peer.expectText("\r\n\r\n").then(() => peer.socket.write(`${SWITCHING}[frame]hi`));
  });
  const peer = await client(port);
  peer.socket.write(`${UPGRADE("/ok/upgrade")}[frame]early`);
  await peer.expectText("[frame]hi");
  peer.socket.write("[frame]later GET /no HTTP/1.1\r\n\r\n");
  await service.peers[0]?.expectText("/no");
  expect(service.text).toBe(`${UPGRADE("/ok/upgrade")}[frame]early[frame]later GET /no HTTP/1.1\r\n\r\n`);
  expect(peer.text).toBe(`${SWITCHING}[frame]hi`);
  // Half-close passes through both ways.
  peer.socket.end();
  await service.peers[0]?.until(({ ended }) => ended);
  service.peers[0]?.socket.end("[close]");
  await peer.close();
  expect(peer.text).toBe(`${SWITCHING}[frame]hi[close]`);
  expect(sidecar.counters.snapshot()).toEqual({ allowed: 1 });
});

test("an upgrade that the service declines leaves the connection to requests, judged as ever", async () => {
  const { service, port } = await path((peer) => {
    void peer.expectText("\r\n\r\n").then(() => peer.socket.write(OK));
    void peer.expectText("/ok/next").then(() => peer.socket.write(OK));
  });
  const peer = await client(port);
  const next = "GET /ok/next HTTP/1.1\r\nHost: a\r\n\r\n";
  peer.socket.write(`${UPGRADE("/ok/upgrade")}GET /no HTTP/1.1\r\nHost: a\r\n\r\n${next}`);
  await peer.until(({ text }) => text.match(/HTTP\/1\.1/g)?.length === 3 && text.endsWith("hi"));
  expect(peer.text.match(/ \d{3} /g)).toEqual([" 200 ", " 403 ", " 200 "]);
  expect(service.text).toBe(UPGRADE("/ok/upgrade") + next);
});

test("an upgrade that no rule names is refused, and a tunnel that nobody asked for too", async () => {
  const { service, sidecar, port } = await path((peer) => {
    void peer.expectText("\r\n\r\n").then(() => peer.socket.write(`${SWITCHING}tunnelled`));
  });
  const peer = await client(port);
  peer.socket.write(`${UPGRADE("/ok")}GET /no HTTP/1.1\r\n\r\n`);
  await peer.until(({ ended }) => ended);
  expect(peer.text).toMatch(/^HTTP\/1\.1 403 /);
  expect(service.text).toBe("");
  const other = await client(port);
  other.socket.write(GET);
  await other.until(({ ended }) => ended);
  expect(other.text).not.toContain("tunnelled");
  expect(sidecar.counters.snapshot()).toMatchObject({ "denied:upgrade": 1, "failed:upstream-malformed": 1 });
});

test("a policy without rules for requests passes all bytes both ways, whoever speaks first", async () => {
  const { service, sidecar, port } = await path((peer) => peer.socket.write("220 hello\r\n"), {
    policy: ingressPolicy({ kind: "allow" }),
  });
  const peer = await client(port);
  await peer.expectText("hello");
  const bytes = pattern(3_000_000);
  peer.socket.end(bytes);
  await service.peers[0]?.until(({ ended }) => ended);
  expect(digest(service.peers[0]?.received ?? Buffer.alloc(0))).toBe(digest(bytes));
  service.peers[0]?.socket.end(bytes);
  await peer.close();
  expect(digest(peer.received.subarray(11))).toBe(digest(bytes));
  expect([peer.error, sidecar.connections().length]).toEqual([undefined, 0]);
});

test("a new policy judges the next request of a live connection, and ends what it cannot judge", async () => {
  const { sidecar, port } = await path((peer) => peer.socket.on("data", () => peer.socket.write(OK)));
  const peer = await client(port);
  peer.socket.write(GET);
  await peer.expectText("hi");
  sidecar.setPolicy(ingressPolicy(pathRules("/other")));
  peer.socket.write(GET);
  await peer.expectText("403 Forbidden");
  sidecar.setPolicy(ingressPolicy({ kind: "allow" }));
  peer.socket.write(GET);
  await peer.until(({ text }) => text.match(/200 OK/g)?.length === 2 && text.endsWith("hi"));
  const opaque = await client(port);
  opaque.socket.write("anything");
  await opaque.expectText("hi");
  sidecar.setPolicy(ingressPolicy(pathRules("/ok")));
  await opaque.close(); // its bytes cannot be framed from the middle
  expect([opaque.error, peer.closed]).toEqual(["ECONNRESET", false]);
  sidecar.setPolicy(ingressPolicy({ kind: "deny" }));
  await peer.close();
  expect(peer.error).toBe("ECONNRESET");
  expect(sidecar.counters.snapshot()).toMatchObject({ "ended:policy": 2, "denied:policy": 1 });
});

test("draining ends idle connections, finishes what is under way, and takes nothing new", async () => {
  const { service, sidecar, port } = await path((peer) => {
    void peer
      .expectText("last")
      .then(() => pause(50))
      .then(() => peer.socket.write(OK));
  });
  const [idle, busy] = [await client(port), await client(port)];
  busy.socket.write(GET.replace("/ok", "/ok/last"));
  while (!service.text.includes("last")) await pause(5);
  const drained = sidecar.drain();
  await idle.until(({ ended }) => ended);
  busy.socket.write(GET);
  await busy.until(({ ended }) => ended);
  expect(busy.text).toMatch(/hiHTTP\/1\.1 503 /);
  expect(service.text).not.toContain("GET /ok HTTP");
  idle.socket.end();
  busy.socket.end();
  await drained;
  const late = await client(port);
  await late.close();
  expect(late.error).toBe("ECONNREFUSED");
  expect(sidecar.counters.snapshot()).toEqual({ allowed: 1, "refused:draining": 1 });
});

test("what does not end while draining is ended", async () => {
  const { sidecar, port } = await path(() => {}, { limits: { drainMs: 100 } });
  const peer = await client(port);
  peer.socket.write(GET);
  while (sidecar.connections()[0]?.requests !== 1) await pause(5);
  await sidecar.drain();
  await peer.close();
  expect(peer.error).toBe("ECONNRESET");
});
