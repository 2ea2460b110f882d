// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { request as undiciRequest } from "undici";
import type { Sidecar } from "../../../proxy/sidecar.js";
import { HttpService } from "../../support/http-service.js";
import {
  client,
  closeClients,
  ingressPolicy,
  pathRules,
  type Peer,
  RecordingService,
  startSidecar,
} from "../../support/peers.js";

const ok = (path: string, more = ""): string => `GET /ok${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const no = (path: string, more = "", body = ""): string =>
  `POST /no${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n${body}`;

/** Answers each head with its path; bodies of requests are not expected. */
function answering(peer: Peer): void {
  let done = 0;
  peer.socket.on("data", () => {
    for (;;) {
      const end = peer.text.indexOf("\r\n\r\n", done);
      if (end < 0) return;
      const path = peer.text.slice(done).split(" ")[1] ?? "";
      done = end + 4;
      peer.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`);
    }
  });
}

let service: RecordingService;
let sidecar: Sidecar;
let port: number;

beforeEach(async () => {
  service = await RecordingService.start(answering);
  ({ sidecar, port } = await startSidecar({ service: service.port }));
});

afterEach(async () => {
  closeClients();
  await sidecar.close();
  await service.stop();
});

/** Status lines and bodies in order, e.g. `200 /ok/1`. */
function answers(text: string): string[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d+)[^]*?\r\n\r\n([^]*?)(?=HTTP\/1\.1|$)/g)].map(
    ([, status, body]) => `${status} ${body?.trim()}`,
  );
}

test("a kept-alive connection carries allowed and denied requests", async () => {
  const peer = await client(port);
  peer.socket.write(ok("/1"));
  await peer.expectText("/ok/1");
  peer.socket.write(no("/2", "Content-Length: 5\r\n", "abcde"));
  await peer.expectText("Access denied");
  peer.socket.write(ok("/3"));
  await peer.expectText("/ok/3");
  expect(answers(peer.text)).toEqual(["200 /ok/1", "403 Access denied", "200 /ok/3"]);
  expect(service.text).toBe(ok("/1") + ok("/3"));
  expect(sidecar.counters.snapshot()).toEqual({ allowed: 2, "denied:policy": 1 });
  expect(sidecar.connections()).toMatchObject([{ protocol: "http", route: "off:no-bpf", requests: 2 }]);
});

test("pipelined answers keep the order of their requests, whoever gives them", async () => {
  const peer = await client(port);
  peer.socket.write(
    no("/1") + ok("/2") + no("/3", "Content-Length: 3\r\n", "GET") + no("/4") + ok("/5") + no("/6"),
  );
  await peer.until((p) => answers(p.text).length === 6 && p.text.endsWith("denied\r\n"));
  expect(answers(peer.text)).toEqual([
    "403 Access denied",
    "200 /ok/2",
    "403 Access denied",
    "403 Access denied",
    "200 /ok/5",
    "403 Access denied",
  ]);
  expect(service.text).toBe(ok("/2") + ok("/5"));
});

test("every split of a pipelined mix gives the same bytes", async () => {
  const chunked = "POST /no HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n";
  const stream = Buffer.from(ok("/1") + chunked + ok("/2") + no("/3", "Content-Length: 4\r\n", "ok/x"));
  const whole = ["200 /ok/1", "403 Access denied", "200 /ok/2", "403 Access denied"];
  for (let at = 1; at < stream.length; at++) {
    const peer = await client(port);
    peer.socket.write(stream.subarray(0, at));
    // The second part must not join the first in one read.
    await new Promise((resolve) => setImmediate(resolve));
    peer.socket.write(stream.subarray(at));
    await peer.until((p) => answers(p.text).length === 4 && p.text.endsWith("denied\r\n"), `split at ${at}`);
    expect(answers(peer.text)).toEqual(whole);
    peer.socket.destroy();
  }
  expect(service.text).toBe((ok("/1") + ok("/2")).repeat(stream.length - 1));
});

test("one byte at a time", async () => {
  const peer = await client(port);
  for (const byte of Buffer.from(ok("/1") + no("/2", "Content-Length: 2\r\n", "ok") + ok("/3"))) {
    peer.socket.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await peer.expectText("/ok/3");
  expect(answers(peer.text)).toEqual(["200 /ok/1", "403 Access denied", "200 /ok/3"]);
  expect(service.text).toBe(ok("/1") + ok("/3"));
});

test("many connections at once do not mix", async () => {
  const peers = await Promise.all(Array.from({ length: 50 }, () => client(port)));
  for (const [i, peer] of peers.entries())
    for (let n = 0; n < 20; n++) peer.socket.write((n + i) % 3 === 0 ? no(`/${i}-${n}`) : ok(`/${i}-${n}`));
  await Promise.all(
    peers.map((peer) => peer.until((p) => answers(p.text).length === 20 && /(denied\r\n|-19)$/.test(p.text))),
  );
  for (const [i, peer] of peers.entries())
    expect(answers(peer.text)).toEqual(
      Array.from({ length: 20 }, (_, n) => ((n + i) % 3 === 0 ? "403 Access denied" : `200 /ok/${i}-${n}`)),
    );
  expect(service.text).not.toContain("/no");
});

test("a malformed request is answered behind the answers before it, then the connection closes", async () => {
  const peer = await client(port);
  peer.socket.write(`${ok("/1")}GET /ok HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${ok("/3")}`);
  await peer.until((p) => p.ended);
  expect(answers(peer.text)).toEqual(["200 /ok/1", "400 duplicate-host"]);
  expect(service.text).toBe(ok("/1"));
  expect(sidecar.counters.snapshot()).toMatchObject({ "denied:malformed": 1 });
});

test("Connection: close ends the connection after its answer", async () => {
  const peer = await client(port);
  peer.socket.write(ok("/1", "Connection: close\r\n") + ok("/2"));
  await peer.until((p) => p.ended);
  expect(answers(peer.text)).toEqual(["200 /ok/1"]);
  expect(service.text).not.toContain("/ok/2");
});

test("a client that sends FIN behind its requests gets all answers", async () => {
  const peer = await client(port);
  peer.socket.end(ok("/1") + no("/2") + ok("/3"));
  await peer.close();
  expect(answers(peer.text)).toEqual(["200 /ok/1", "403 Access denied", "200 /ok/3"]);
  expect(peer.error).toBeUndefined();
});

test("both the client's egress and the service's ingress rules must allow a request", async () => {
  sidecar.setPolicy(ingressPolicy(pathRules("/ok/a"), pathRules("/ok/a/b")));
  const peer = await client(port);
  peer.socket.write(ok("/a/b") + ok("/a") + ok("/b"));
  await peer.until((p) => answers(p.text).length === 3 && p.text.endsWith("denied\r\n"));
  expect(answers(peer.text)).toEqual(["200 /ok/a/b", "403 Access denied", "403 Access denied"]);
});

test("a real client and a real service: methods, HEAD, chunked, 100-continue, many bodies", async () => {
  const real = await HttpService.start();
  const between = await startSidecar({ service: real.port });
  const at = `http://127.0.0.1:${between.port}`;
  try {
    for (const size of [0, 1, 1000, 70_000]) {
      const body = "x".repeat(size);
      const post = await undiciRequest(`${at}/ok`, { method: "POST", body });
      expect(await post.body.text()).toBe(`/ok ${body}`);
      const denied = await undiciRequest(`${at}/no`, { method: "PUT", body });
      expect([denied.statusCode, await denied.body.text()]).toEqual([403, "Access denied\r\n"]);
    }
    const head = await undiciRequest(`${at}/ok`, { method: "HEAD" });
    expect([head.statusCode, await head.body.text()]).toEqual([200, ""]);
    const peer = await client(between.port);
    peer.socket.write("POST /ok HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    await peer.expectText("100 Continue\r\n\r\n");
    peer.socket.write("body");
    await peer.expectText("body");
    expect(real.seen.filter((line) => line.includes("/no"))).toEqual([]);
  } finally {
    await between.sidecar.close();
    await real.stop();
  }
});
