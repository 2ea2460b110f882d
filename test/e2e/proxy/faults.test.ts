// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test } from "@jest/globals";
import type { AccessEntry } from "../../../proxy/context.js";
import {
  client,
  closeClients,
  FakeClock,
  ingressPolicy,
  pathRules,
  RecordingService,
  startSidecar,
} from "../../support/peers.js";
import type { SidecarTerms, Peer } from "../../support/peers.js";

const GET = "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
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

/** Writes an answer as soon as a whole head has come. */
const onHead = (peer: Peer, action: () => void): void => {
  void peer.expectText("\r\n\r\n").then(action, () => {});
};

test("a service that is down is named: 503, then the connection closes", async () => {
  const { service, sidecar, port } = await path(() => {});
  await service.stop();
  undo.splice(0, 1);
  const peer = await client(port);
  peer.socket.write(GET + GET);
  await peer.until((p) => p.ended);
  expect(peer.text).toMatch(/^HTTP\/1\.1 503 /);
  expect(peer.text.match(/HTTP\/1\.1/g)).toHaveLength(1);
  expect(sidecar.counters.snapshot()).toMatchObject({ "failed:upstream-connect": 1 });
});

test("a body that is under way when the service cannot be reached is forgotten", async () => {
  const { service, port } = await path(() => {});
  await service.stop();
  undo.splice(0, 1);
  const peer = await client(port);
  peer.socket.write(`POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n${"x".repeat(300_000)}`);
  await peer.until((p) => p.ended);
  expect(peer.text).toMatch(/^HTTP\/1\.1 503 /);
});

test.each([
  ["FIN", (peer: Peer) => peer.socket.end()],
  ["a reset", (peer: Peer) => peer.socket.resetAndDestroy()],
])("%s before the first answer: 503", async (_, end) => {
  const { sidecar, port } = await path((peer) => onHead(peer, () => end(peer)));
  const peer = await client(port);
  peer.socket.write(GET);
  await peer.until((p) => p.ended);
  expect(peer.text).toMatch(/^HTTP\/1\.1 503 /);
  expect(sidecar.counters.snapshot()).toMatchObject({ "failed:upstream-reset": 1 });
});

test("a service that closes a connection that it has served before: closed without an answer, so that clients try again", async () => {
  let served = 0;
  const { port } = await path((peer) =>
    peer.socket.on("data", () => (served++ === 0 ? peer.socket.write(OK) : peer.socket.end())),
  );
  const peer = await client(port);
  peer.socket.write(GET);
  await peer.expectText("hi");
  peer.socket.write(GET);
  await peer.until((p) => p.ended);
  expect(peer.text).toBe(OK);
});

test.each([
  ["FIN", (peer: Peer) => peer.socket.end()],
  ["a reset", (peer: Peer) => peer.socket.resetAndDestroy()],
])("a response cut short by %s is visibly cut short", async (_, end) => {
  const { service, sidecar, port } = await path((peer) =>
    onHead(peer, () => peer.socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort")),
  );
  const peer = await client(port);
  peer.socket.write(GET);
  await peer.expectText("short");
  for (const serving of service.peers) end(serving);
  await peer.close();
  expect(peer.error).toBe("ECONNRESET");
  expect(sidecar.counters.snapshot()).toMatchObject({ "failed:upstream-reset": 1 });
});

test("a response that ends with its connection ends so at the client", async () => {
  const { port } = await path((peer) =>
    onHead(peer, () => peer.socket.end("HTTP/1.1 200 OK\r\n\r\nuntil the end")),
  );
  const peer = await client(port);
  peer.socket.write(GET);
  await peer.until((p) => p.ended);
  expect(peer.text).toMatch(/until the end$/);
  expect(peer.error).toBeUndefined();
});

test.each([
  ["garbage", "\x00\x01garbage\r\n\r\n"],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"],
])("%s instead of a response is not passed on", async (_, bytes) => {
  const { sidecar, port } = await path((peer) => onHead(peer, () => peer.socket.write(bytes)));
  const peer = await client(port);
  peer.socket.write(GET);
  await peer.until((p) => p.ended);
  expect(peer.text).toMatch(/^HTTP\/1\.1 50[23] /);
  expect(peer.text).not.toContain("garbage");
  expect(sidecar.counters.snapshot()).toMatchObject({ "failed:upstream-malformed": 1 });
});

test("a response that nobody asked for ends the connection", async () => {
  const { sidecar, port } = await path((peer) => onHead(peer, () => peer.socket.write(OK + OK)));
  const peer = await client(port);
  peer.socket.write(GET);
  await peer.until((p) => p.ended);
  expect(peer.text).toBe(OK);
  expect(sidecar.counters.snapshot()).toMatchObject({ "failed:upstream-malformed": 1 });
});

test("a client that resets takes its service connection with it", async () => {
  const { service, sidecar, port } = await path(() => {});
  const peer = await client(port);
  peer.socket.write(GET);
  while (service.text !== GET) await new Promise((resolve) => setTimeout(resolve, 5));
  peer.socket.resetAndDestroy();
  await service.peers[0]?.close();
  expect(service.peers[0]?.error).toBe("ECONNRESET");
  expect(sidecar.connections()).toEqual([]);
});

test("half a head for longer than the limit ends the connection", async () => {
  const clock = new FakeClock();
  const { service, sidecar, port } = await path(() => {}, { clock, limits: { headMs: 10_000 } });
  const peer = await client(port);
  for (const byte of GET.slice(0, 9)) {
    peer.socket.write(byte);
    await new Promise((resolve) => setTimeout(resolve, 5));
    clock.advance(1_000);
  }
  expect(peer.ended).toBe(false);
  clock.advance(2_000);
  await peer.until((p) => p.ended);
  expect(service.text).toBe("");
  expect(sidecar.counters.snapshot()).toEqual({ "failed:timeout": 1 });
});

test("silence for longer than the limit ends the connection; an unanswered request is answered in time", async () => {
  const clock = new FakeClock();
  const { service, sidecar, port } = await path(() => {}, { clock, limits: { idleMs: 60_000 } });
  const idle = await client(port);
  const waiting = await client(port);
  waiting.socket.write(GET);
  while (service.text !== GET) await new Promise((resolve) => setTimeout(resolve, 5));
  clock.advance(59_000);
  expect(sidecar.connections()).toHaveLength(2);
  clock.advance(2_000);
  await Promise.all([idle.until((p) => p.ended), waiting.until((p) => p.ended)]);
  expect(waiting.text).toMatch(/^HTTP\/1\.1 504 /);
  expect(sidecar.counters.snapshot()).toMatchObject({ "failed:timeout": 2 });
});

test("a connection that is ending is closed with the sidecar, descriptor and all", async () => {
  const clock = new FakeClock();
  const { sidecar, port } = await path(() => {}, { clock, limits: { idleMs: 60_000 } });
  const idle = await client(port);
  while (sidecar.connections().length !== 1) await new Promise((resolve) => setTimeout(resolve, 5));
  clock.advance(61_000);
  await idle.until((p) => p.ended);
  await sidecar.close();
  while (sidecar.connections().length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
});

test("a client that never reads does not keep the sidecar from closing", async () => {
  const answer = Buffer.alloc(32 << 20, "x");
  const { sidecar, port } = await path((peer) =>
    onHead(peer, () => {
      peer.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${2 * answer.length}\r\n\r\n`);
      peer.socket.write(answer);
    }),
  );
  const peer = await client(port);
  peer.socket.pause();
  peer.socket.write(GET);
  let bytes = -1;
  const stalled = (): boolean => {
    const before = bytes;
    bytes = sidecar.connections()[0]?.bytesFromService ?? 0;
    return bytes > 0 && bytes === before;
  };
  while (!stalled()) await new Promise((resolve) => setTimeout(resolve, 50));
  await sidecar.close();
  while (sidecar.connections().length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
});

test("a client that got its answer and does not close is not waited for", async () => {
  const clock = new FakeClock();
  const { sidecar, port } = await path((peer) => onHead(peer, () => peer.socket.write(OK)), { clock });
  const peer = await client(port);
  peer.socket.write(GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
  await peer.until((p) => p.ended);
  for (let seconds = 0; sidecar.connections().length > 0; seconds++) {
    expect(seconds).toBeLessThan(60); // long before the idle time
    clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

test("more connections than the limit are refused", async () => {
  const { sidecar, port } = await path(() => {}, { limits: { connections: 2 } });
  await client(port);
  await client(port);
  const third = await client(port);
  await third.close();
  expect(third.error).toBe("ECONNRESET");
  expect(sidecar.counters.snapshot()).toEqual({ "denied:limit": 1 });
});

test("a peer that no rule lets in is refused before it says anything", async () => {
  const { service, sidecar, port } = await path(() => {}, { policy: ingressPolicy({ kind: "deny" }) });
  const peer = await client(port);
  await peer.close();
  expect(peer.error).toBe("ECONNRESET");
  expect(service.peers).toEqual([]);
  expect(sidecar.counters.snapshot()).toEqual({ "denied:peer": 1 });
});

test("the access log tells each request once, in the order of the answers", async () => {
  const entries: AccessEntry[] = [];
  const { port } = await path((peer) => onHead(peer, () => peer.socket.write(OK)), {
    access: (entry) => entries.push(entry),
    policy: ingressPolicy(pathRules("/ok")),
  });
  const peer = await client(port);
  peer.socket.end(`${GET}GET /no HTTP/1.1\r\nHost: a\r\n\r\nbad\r\n\r\n`);
  await peer.close();
  expect(entries).toMatchObject([
    {
      request: "GET /ok",
      response_code: 200,
      outcome: "allowed",
      bytes_sent: OK.length,
      bytes_received: GET.length,
    },
    { request: "GET /no", response_code: 403, outcome: "denied:policy", response_flags: "UAEX" },
    { outcome: "denied:malformed", response_flags: "DPE", protocol: "http", route: "off:no-bpf" },
  ]);
});
