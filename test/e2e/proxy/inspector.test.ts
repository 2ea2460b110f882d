// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, test } from "@jest/globals";
import { createHash } from "node:crypto";
import { createServer, request as httpRequest, type IncomingMessage, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { FakeClock, httpPolicy, RawClient, RecordingService, TestSidecar } from "../../support/sidecar.js";

const POLICY = httpPolicy('[{ method: "GET|POST|HEAD", path: "/a.*" }]');
const DENIED = "Access denied\r\n";
const GET = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const DENY = "GET /d HTTP/1.1\r\nHost: h\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});
function keep<T extends { close(): unknown }>(one: T): T {
  open.push(one);
  return one;
}

/** A service that answers every request head that it sees with `answer`. */
async function answering(answer: string): Promise<RecordingService> {
  return keep(
    await RecordingService.start((socket, service) => {
      let answered = 0;
      socket.on("data", () => {
        const heads = service.received.split("\r\n\r\n").length - 1;
        for (; answered < heads; answered++) socket.write(answer);
      });
      socket.on("end", () => socket.end());
    }),
  );
}

async function setup(answer: string, more: Parameters<typeof TestSidecar.start>[2] = {}) {
  const service = await answering(answer);
  const sidecar = keep(await TestSidecar.start(service.port, POLICY, more));
  const client = keep(new RawClient(sidecar.port));
  return { service, sidecar, client };
}

describe("order and denials", () => {
  test("pipelined requests, allowed and denied, are answered in order and denied bytes never arrive", async () => {
    const { service, client } = await setup(OK);
    const post = "POST /d HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789";
    client.send(GET + DENY + GET + post + DENY + GET);
    await client.until(({ received }) => received.split("HTTP/1.1").length === 7);
    const statuses = [...client.received.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]);
    expect(statuses).toEqual(["200", "403", "200", "403", "403", "200"]);
    expect(service.received).toBe(GET + GET + GET);
    expect(client.ended).toBe(false);
  });

  test("the same, split at every byte", async () => {
    const stream = GET + DENY + GET;
    for (let at = 1; at < stream.length; at += 3) {
      const { service, client } = await setup(OK);
      client.send(stream.slice(0, at));
      await new Promise((resolve) => setTimeout(resolve, 2));
      client.send(stream.slice(at));
      await client.until(
        ({ received }) => received.split("HTTP/1.1").length === 4 && received.endsWith("ok"),
      );
      expect([...client.received.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])).toEqual([
        "200",
        "403",
        "200",
      ]);
      expect(service.received).toBe(GET + GET);
    }
  });

  test("a denial is 403 with the known body and keeps the connection", async () => {
    const { service, sidecar, client } = await setup(OK);
    client.send(DENY);
    await client.until(({ received }) => received.endsWith(DENIED));
    expect(client.received).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
    client.send(GET);
    await client.until(({ received }) => received.endsWith("ok"));
    expect(service.sockets).toHaveLength(1);
    expect(sidecar.sidecar.counters.snapshot()).toMatchObject({ allowed: 1, "denied:policy": 1 });
  });

  test("a malformed request is answered 400 after the answers before it, then the connection ends", async () => {
    const { service, client } = await setup(OK);
    client.send(`${GET}GET /a HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n${GET}`);
    await client.until(({ ended }) => ended);
    expect([...client.received.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])).toEqual([
      "200",
      "400",
    ]);
    expect(service.received).toBe(GET);
  });

  test("a policy swap holds from the next request of a live connection on", async () => {
    const { sidecar, client } = await setup(OK);
    client.send(GET);
    await client.until(({ received }) => received.endsWith("ok"));
    sidecar.setPolicy(httpPolicy('[{ path: "/d" }]'));
    client.send(GET + DENY);
    await client.until(({ received }) => received.split("HTTP/1.1").length === 4 && received.endsWith("ok"));
    expect([...client.received.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])).toEqual([
      "200",
      "403",
      "200",
    ]);
  });

  test("a policy that denies the peer outright ends the connection", async () => {
    const { sidecar, client } = await setup(OK);
    client.send(GET);
    await client.until(({ received }) => received.endsWith("ok"));
    sidecar.setPolicy(httpPolicy("[]").replace("toPorts", "fromEntities: [host]\n      toPorts"));
    await client.until(({ ended, error }) => ended || error !== undefined);
  });

  test("an upgrade passes only where a rule names it, and is a tunnel then", async () => {
    const service = keep(
      await RecordingService.start((socket) =>
        socket.once("data", () => {
          socket.write(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
          );
          socket.on("data", (bytes) => socket.write(bytes));
        }),
      ),
    );
    const upgrade = "GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    const named = keep(
      await TestSidecar.start(service.port, httpPolicy('[{ path: "/a", headers: ["Upgrade: websocket"] }]')),
    );
    const client = keep(new RawClient(named.port)).send(`${upgrade}\x81\x00not http`);
    await client.until(({ received }) => received.endsWith("\x81\x00not http"));
    const unnamed = keep(await TestSidecar.start(service.port, POLICY));
    const refused = keep(new RawClient(unnamed.port)).send(upgrade);
    await refused.until(({ ended }) => ended);
    expect(refused.received).toMatch(/^HTTP\/1\.1 403/);
  });
});

describe("faults", () => {
  test("service down: 503", async () => {
    const service = await answering(OK);
    const sidecar = keep(await TestSidecar.start(service.port, POLICY));
    await service.close();
    open.splice(open.indexOf(service), 1);
    const client = keep(new RawClient(sidecar.port)).send(GET);
    await client.until(({ ended }) => ended);
    expect(client.received).toMatch(/^HTTP\/1\.1 503 /);
    expect(sidecar.sidecar.counters.snapshot()["failed:upstream-connect"]).toBe(1);
  });

  test.each([
    ["closes in the middle of a response", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "end"],
    ["resets in the middle of a response", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "reset"],
  ])("a service that %s: the client sees the cut", async (_what, answer, how) => {
    const service = keep(
      await RecordingService.start((socket) =>
        socket.once("data", () => {
          socket.write(answer);
          setTimeout(() => (how === "end" ? socket.end() : socket.resetAndDestroy()), 20);
        }),
      ),
    );
    const sidecar = keep(await TestSidecar.start(service.port, POLICY));
    const client = keep(new RawClient(sidecar.port)).send(GET);
    await client.until(({ error }) => error !== undefined);
    expect(client.error).toBe("ECONNRESET");
    expect(client.ended).toBe(false);
  });

  test("a service that sends garbage: 503, not the garbage", async () => {
    const { client } = await setup("SSH-2.0-OpenSSH\r\n\r\n");
    client.send(GET);
    await client.until(({ ended }) => ended);
    expect(client.received).toMatch(/^HTTP\/1\.1 503 /);
    expect(client.received).not.toContain("SSH");
  });

  test("a response that nobody asked for ends the connection and is not delivered", async () => {
    const { client } = await setup(OK + OK);
    client.send(GET);
    await client.until(({ ended, error }) => ended || error !== undefined);
    expect(client.received.split("HTTP/1.1 200")).toHaveLength(2);
  });

  test("a client that sends one byte a second is cut off after the time for a head", async () => {
    const fake = new FakeClock();
    const { client, sidecar } = await setup(OK, { clock: fake, limits: { headMs: 5000 } });
    const taken = (): number => sidecar.sidecar.connections()[0]?.bytesFromClient ?? 0;
    client.send("G");
    await client.until(() => taken() === 1);
    fake.pass(4000);
    expect(sidecar.sidecar.connections()).toHaveLength(1);
    client.send("E");
    await client.until(() => taken() === 2);
    fake.pass(4000);
    await client.until(({ ended, error }) => ended || error !== undefined);
    expect(sidecar.sidecar.counters.snapshot()["failed:timeout"]).toBe(1);
  });

  test("an idle connection ends after the idle time", async () => {
    const fake = new FakeClock();
    const { client, sidecar } = await setup(OK, { clock: fake, limits: { idleMs: 10_000 } });
    client.send(GET);
    await client.until(({ received }) => received.endsWith("ok"));
    fake.pass(8000);
    expect(sidecar.sidecar.connections()).toHaveLength(1);
    fake.pass(8000);
    await client.until(({ ended, error }) => ended || error !== undefined);
  });

  test("half-close: the answer still arrives", async () => {
    const { client } = await setup(OK);
    client.send(GET);
    client.socket.end();
    await client.until(({ received, ended }) => received.endsWith("ok") && ended);
  });

  test("more connections than the limit are refused by name", async () => {
    const { sidecar, client } = await setup(OK, { limits: { connections: 1 } });
    client.send(GET);
    await client.until(({ received }) => received.endsWith("ok"));
    const second = keep(new RawClient(sidecar.port));
    await second.until(({ ended, error }) => ended || error !== undefined);
    expect(sidecar.sidecar.counters.snapshot()["denied:limit"]).toBe(1);
  });

  test("drain finishes what is in flight and refuses what is new", async () => {
    const service = keep(await RecordingService.start(() => {}));
    const sidecar = keep(await TestSidecar.start(service.port, POLICY));
    const client = keep(new RawClient(sidecar.port)).send(GET);
    await client.until(() => service.received === GET);
    const drained = sidecar.sidecar.drain();
    const late = keep(new RawClient(sidecar.port)).send(GET);
    service.sockets[0]?.write(OK);
    await client.until(({ ended }) => ended);
    expect(client.received).toBe(OK);
    await drained;
    await late.until(({ ended, error }) => ended || error !== undefined);
    expect(late.received).toBe("");
  });
});

describe("real HTTP", () => {
  async function nodeService(): Promise<Server & { port: number }> {
    const server = createServer((request, response) => {
      const hash = createHash("sha256");
      let bytes = 0;
      request.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        hash.update(chunk);
      });
      request.on("end", () => {
        if (request.url === "/a/big") {
          response.setHeader("content-type", "application/octet-stream");
          for (let i = 0; i < 160; i++) response.write(Buffer.alloc(65536, i));
          response.end();
        } else response.end(`${request.method} ${bytes} ${hash.digest("hex")}`);
      });
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    return Object.assign(keep(server), { port: (server.address() as AddressInfo).port });
  }

  async function call(
    port: number,
    path: string,
    method = "GET",
    body?: Buffer,
  ): Promise<{ status: number; body: Buffer }> {
    const request = httpRequest({
      port,
      host: "127.0.0.1",
      path,
      method,
      headers: body ? { expect: "100-continue" } : {},
    });
    if (body) {
      request.flushHeaders();
      request.once("continue", () => request.end(body));
    } else request.end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return { status: response.statusCode ?? 0, body: Buffer.concat(chunks) };
  }

  test("10 MB both ways, chunked, with 100-continue, and HEAD", async () => {
    const service = await nodeService();
    const sidecar = keep(await TestSidecar.start(service.port, POLICY, { access: true }));
    const body = Buffer.alloc(10 << 20, "x");
    const sent = await call(sidecar.port, "/a/up", "POST", body);
    expect(sent.body.toString()).toBe(
      `POST ${body.length} ${createHash("sha256").update(body).digest("hex")}`,
    );
    const big = await call(sidecar.port, "/a/big");
    expect(big.body.length).toBe(160 * 65536);
    expect(big.body.every((byte, i) => byte === ((i >> 16) & 255))).toBe(true);
    expect((await call(sidecar.port, "/a", "HEAD")).status).toBe(200);
    expect((await call(sidecar.port, "/d", "POST")).status).toBe(403);
    expect(
      sidecar.access.map(({ response_code, request, outcome }) => [response_code, request, outcome]),
    ).toEqual([
      [200, "POST /a/up", "allowed"],
      [200, "GET /a/big", "allowed"],
      [200, "HEAD /a", "allowed"],
      [403, "POST /d", "denied:policy"],
    ]);
  });

  test("a client that never reads holds a bounded amount: its service is made to wait", async () => {
    const service = keep(
      await RecordingService.start((socket) =>
        socket.once("data", () => {
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${1 << 30}\r\n\r\n`);
          const chunk = Buffer.alloc(65536);
          const more = (): void => {
            while (socket.writable && socket.write(chunk));
          };
          socket.on("drain", more);
          more();
        }),
      ),
    );
    const sidecar = keep(await TestSidecar.start(service.port, POLICY));
    const client = keep(new RawClient(sidecar.port));
    client.socket.pause();
    client.send(GET);
    let written = 0;
    for (let before = -1; written === 0 || written !== before;) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 300));
      written = (service.sockets[0]?.bytesWritten ?? 0) - (service.sockets[0]?.writableLength ?? 0);
    }
    // Socket buffers of four sockets at most, none of it in this process.
    expect(written).toBeLessThan(64 << 20);
  });
});
