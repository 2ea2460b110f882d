// SPDX-License-Identifier: Apache-2.0
/** memcached through the sidecar: real servers, and services that a test scripts. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { HEADER } from "../../../protocols/memcached/frames.js";
import { exchange, frame, latin, MemcachedServer } from "../../support/memcached.js";
import { portPolicy, RawClient, RecordingService, TestSidecar } from "../../support/sidecar.js";

const DENIED = "CLIENT_ERROR access denied\r\n";
const RULES = portPolicy(
  `memcached: [
    { commands: [read, gat, gats, write, noop], keys: [{ prefix: ok. }, { exact: counter }] },
    { commands: [version, quit, noop, mn] },
  ]`,
);

let server: MemcachedServer;
let sidecar: TestSidecar;

beforeAll(async () => {
  server = await MemcachedServer.start();
});
afterAll(() => server.close());
beforeEach(async () => {
  await exchange(server.port, latin("flush_all\r\nmn\r\n"), "MN\r\n");
  sidecar = await TestSidecar.start(server.port, RULES);
});
afterEach(() => sidecar.close());

/** What comes back for `text`; the last command must be answered with `end`. */
const talk = (text: string, end = "MN\r\n"): Promise<string> => exchange(sidecar.port, latin(text), end);

describe("text and meta", () => {
  test("denials stand where their commands stood, and the connection goes on", async () => {
    const text =
      "set ok.a 0 0 5\r\nhello\r\nget no\r\nget ok.a\r\nset no 0 0 9\r\nflush_all\r\nmg no v\r\nmg ok.a v\r\n" +
      "get ok.a no\r\ndelete no\r\nincr no 1\r\ntouch no 1\r\nstats\r\nget ok.a\r\nmn\r\n";
    expect(await talk(text)).toBe(
      `STORED\r\n${DENIED}VALUE ok.a 0 5\r\nhello\r\nEND\r\n${DENIED}${DENIED}VA 5\r\nhello\r\n` +
        `${DENIED.repeat(5)}VALUE ok.a 0 5\r\nhello\r\nEND\r\nMN\r\n`,
    );
    expect(sidecar.sidecar.counters.snapshot()).toEqual({ allowed: 5, "denied:policy": 8 });
    expect(sidecar.sidecar.groups.snapshot()).toEqual({
      memcached: {
        get: { allowed: 2, "denied:policy": 2 },
        store: { allowed: 1, "denied:policy": 1 },
        delete: { "denied:policy": 1 },
        count: { "denied:policy": 1 },
        touch: { "denied:policy": 1 },
        meta: { allowed: 2, "denied:policy": 1 },
        other: { "denied:policy": 1 },
      },
    });
    expect(await exchange(server.port, latin("get no ok.a\r\n"), "END\r\n")).toBe(
      "VALUE ok.a 0 5\r\nhello\r\nEND\r\n",
    );
  });

  test("noreply: a denied command is dropped in silence, an allowed one is not answered either", async () => {
    const text =
      "set no 0 0 1 noreply\r\nx\r\nset ok.a 0 0 1 noreply\r\ny\r\ndelete no noreply\r\nincr no 1 noreply\r\n" +
      "flush_all noreply\r\ndelete no 0\r\nget ok.a\r\nmn\r\n";
    expect(await talk(text)).toBe(`${DENIED}VALUE ok.a 0 1\r\ny\r\nEND\r\nMN\r\n`);
  });

  test("quiet meta commands keep the place of denials among answers that may not come", async () => {
    const text =
      "ms ok.a 1 q\r\nx\r\nmg ok.a v q\r\nmg ok.none v q\r\nmg no v q\r\nmg ok.a v q k\r\nms no 1 q\r\nx\r\nmd ok.a q\r\nmn\r\n";
    expect(await talk(text)).toBe(`VA 1\r\nx\r\n${DENIED}VA 1 kok.a\r\nx\r\n${DENIED}MN\r\n`);
  });

  test("a multi-get is allowed when each of its keys is, by whatever rule", async () => {
    sidecar.setPolicy(
      portPolicy(
        "memcached: [{ command: get, keyPrefix: a. }, { command: get, keyPrefix: b. }, { command: mn }]",
      ),
    );
    expect(await talk("get a.1 b.1\r\nget a.1 c.1 b.1\r\nmn\r\n")).toBe(`END\r\n${DENIED}MN\r\n`);
  });

  test("Cilium's own keys", async () => {
    sidecar.setPolicy(
      portPolicy(
        "l7proto: memcache, l7: [{ command: storage, keyPrefix: ok. }, { command: get, keyRegex: '^o.*[0-9]$' }, { command: mn }]",
      ),
    );
    const text = "set ok.1 0 0 1\r\nx\r\nget ok.1\r\ngets ok.x\r\ndelete ok.1\r\nadd no 0 0 1\r\nx\r\nmn\r\n";
    expect(await talk(text)).toBe(`STORED\r\nVALUE ok.1 0 1\r\nx\r\nEND\r\n${DENIED.repeat(3)}MN\r\n`);
  });

  test("quit ends the connection behind all answers, denied or not", async () => {
    expect(await talk("get no\r\nget ok.a\r\nquit\r\nget ok.a\r\n", "never")).toBe(`${DENIED}END\r\n`);
    sidecar.setPolicy(portPolicy("memcached: [{ command: get }]"));
    expect(await talk("get ok.a\r\nquit\r\nget ok.a\r\n", "never")).toBe("END\r\n");
  });

  test("a client that sends FIN behind its commands gets all answers", async () => {
    const client = new RawClient(sidecar.port).send("get ok.a\r\nget no\r\nset ok.b 0 0 1 noreply\r\nx\r\n");
    client.socket.end();
    await client.until(({ ended }) => ended);
    expect(client.received).toBe(`END\r\n${DENIED}`);
    expect(await talk("get ok.b\r\nmn\r\n")).toBe("VALUE ok.b 0 1\r\nx\r\nEND\r\nMN\r\n");
  });

  test("every split of a pipelined mix gives the same bytes", async () => {
    const stream = latin(
      "set ok.a 0 0 7\r\nEND\r\nxx\r\nget no\r\nmg ok.a v q\r\nset no 0 0 4\r\nget \r\nget ok.a ok.a\r\nmn\r\n",
    );
    const whole = await talk(stream.toString("latin1"));
    expect(whole).toBe(
      `STORED\r\n${DENIED}VA 7\r\nEND\r\nxx\r\n${DENIED}${"VALUE ok.a 0 7\r\nEND\r\nxx\r\n".repeat(2)}END\r\nMN\r\n`,
    );
    for (let at = 1; at < stream.length; at++) {
      const client = new RawClient(sidecar.port).send(stream.subarray(0, at).toString("latin1"));
      await new Promise((resolve) => setImmediate(resolve));
      client.send(stream.subarray(at).toString("latin1"));
      await client.until(({ received }) => received.endsWith("MN\r\n"));
      expect(client.received).toBe(whole);
      client.close();
    }
  });

  test("large values pass whole, denied ones are swallowed", async () => {
    const value = "END\r\nVALUE x 0 1\r\n".repeat(58_000).slice(0, 1_000_000);
    const text = `set no 0 0 ${value.length}\r\n${value}\r\nset ok.a 0 0 ${value.length}\r\n${value}\r\nget ok.a\r\nmn\r\n`;
    const whole = `${DENIED}STORED\r\nVALUE ok.a 0 ${value.length}\r\n${value}\r\nEND\r\nMN\r\n`;
    expect((await talk(text)) === whole).toBe(true); // a megabyte is no message for people
  });
});

describe("deniedKeys: missing", () => {
  beforeEach(async () => {
    sidecar.setPolicy(
      portPolicy(
        `memcached: [
          { commands: [get, gets, gat, mg, noop, mn], keyPrefix: ok., deniedKeys: missing },
          { command: set }, { commands: [mn, noop] },
        ]`,
      ),
    );
    await talk("set ok.a 0 0 1\r\na\r\nset no 0 0 1\r\nn\r\nset ok.b 0 0 1\r\nb\r\nmn\r\n");
  });

  test("text and meta lookups do not see them; nothing of them reaches the service", async () => {
    const text =
      "get no\r\nget ok.a no ok.b no\r\ngets no no\r\ngat 100 no ok.b\r\nmg no v\r\nmg no v q\r\nmg ok.a v\r\nbget no\r\nmn\r\n";
    expect(await talk(text)).toBe(
      "END\r\nVALUE ok.a 0 1\r\na\r\nVALUE ok.b 0 1\r\nb\r\nEND\r\nEND\r\nVALUE ok.b 0 1\r\nb\r\nEND\r\nEN\r\nVA 1\r\na\r\n" +
        `${DENIED}MN\r\n`,
    );
    expect(sidecar.sidecar.counters.snapshot()).toMatchObject({ "hidden:keys": 6, "denied:policy": 1 });
  });

  test("binary: not found, with the key where the answer has it, silence for quiet ones", async () => {
    const bytes = Buffer.concat([
      frame(0x00, "no", { opaque: 1 }),
      frame(0x0c, "no", { opaque: 2 }),
      frame(0x09, "no", { opaque: 3 }),
      frame(0x00, "ok.a", { opaque: 4 }),
      frame(0x0a, "", { opaque: 5 }),
    ]);
    const frames = framesOf(await binary(bytes, 5));
    expect(frames.map(({ opcode, status, opaque, text }) => [opcode, status, opaque, text])).toEqual([
      [0x00, 1, 1, "Not found"],
      [0x0c, 1, 2, "no"],
      [0x00, 0, 4, "\0\0\0\0a"],
      [0x0a, 0, 5, ""],
    ]);
    // As memcached itself answers keys that it does not have.
    const own = frame(0x0c, "none", { opaque: 2 });
    const [direct] = framesOf(
      await exchangeFrames(server.port, Buffer.concat([own, frame(0x0a, "", { opaque: 9 })]), 9),
    );
    expect([direct?.status, direct?.text, direct?.key]).toEqual([1, "none", 4]);
    expect(frames[1]?.key).toBe(2);
  });
});

interface Frame {
  opcode: number;
  key: number;
  status: number;
  opaque: number;
  text: string;
}

function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + HEADER + bytes.readUInt32BE(at + 8);
    frames.push({
      opcode: bytes[at + 1] ?? 0,
      key: bytes.readUInt16BE(at + 2),
      status: bytes.readUInt16BE(at + 6),
      opaque: bytes.readUInt32BE(at + 12),
      text: bytes.subarray(at + HEADER, end).toString("latin1"),
    });
    at = end;
  }
  return frames;
}

/** Sends binary requests; the last is a no-op with this opaque. */
async function exchangeFrames(port: number, bytes: Buffer, opaque: number): Promise<Buffer> {
  const end = Buffer.alloc(HEADER);
  end[0] = 0x81;
  end[1] = 0x0a;
  end.writeUInt32BE(opaque, 12);
  return latin(await exchange(port, bytes, end.toString("latin1")));
}
const binary = (bytes: Buffer, opaque: number): Promise<Buffer> =>
  exchangeFrames(sidecar.port, bytes, opaque);

describe("binary", () => {
  test("denials echo opcode and opaque with status 8, in order, behind the answers of quiet requests", async () => {
    const set = (opcode: number, key: string, opaque: number): Buffer =>
      frame(opcode, key, { extras: 8, value: "v", opaque });
    const bytes = Buffer.concat([
      set(0x01, "ok.a", 1),
      set(0x01, "no", 2),
      frame(0x09, "ok.a", { opaque: 3 }),
      frame(0x09, "ok.none", { opaque: 4 }),
      frame(0x00, "no", { opaque: 5 }),
      frame(0x0d, "ok.a", { opaque: 6 }),
      set(0x11, "no", 7),
      frame(0x00, "ok.a", { opaque: 8 }),
      frame(0x08, "", { opaque: 9 }),
      frame(0x55, "", { opaque: 10 }),
      frame(0x0a, "", { opaque: 11 }),
    ]);
    const frames = framesOf(await binary(bytes, 11));
    expect(frames.map(({ opcode, status, opaque }) => [opcode, status, opaque])).toEqual([
      [0x01, 0, 1],
      [0x01, 8, 2],
      [0x09, 0, 3],
      [0x00, 8, 5],
      [0x0d, 0, 6],
      [0x11, 8, 7],
      [0x00, 0, 8],
      [0x08, 8, 9],
      [0x55, 0x81, 10],
      [0x0a, 0, 11],
    ]);
    expect(frames.filter(({ status }) => status === 8).map(({ text }) => text)).toEqual(
      Array(4).fill("access denied"),
    );
  });

  test("a quiet quit waits for the answers of quiet requests before it", async () => {
    await talk("set ok.a 0 0 1\r\nx\r\nmn\r\n");
    const client = new RawClient(sidecar.port);
    client.send(Buffer.concat([frame(0x0d, "ok.a", { opaque: 1 }), frame(0x17, "", {})]).toString("latin1"));
    await client.until(({ ended }) => ended);
    expect(framesOf(latin(client.received)).map(({ opcode, opaque }) => [opcode, opaque])).toEqual([
      [0x0d, 1],
    ]);
  });

  test("a fault behind quiet requests does not lose their answers", async () => {
    await talk("set ok.a 0 0 1\r\nx\r\nmn\r\n");
    const client = new RawClient(sidecar.port);
    client.send(
      Buffer.concat([
        frame(0x0d, "ok.a", { opaque: 1 }),
        frame(0x00, "ok.a", { body: 2, opaque: 2 }),
        frame(0x0a, "", {}),
      ]).toString("latin1"),
    );
    await client.until(({ ended }) => ended);
    expect(
      framesOf(latin(client.received)).map(({ opcode, status, opaque }) => [opcode, status, opaque]),
    ).toEqual([
      [0x0d, 0, 1],
      [0x00, 0x81, 2],
    ]);
  });
});

/** Ways past the memcached policy of Cilium's parser, each against a real memcached that must not see anything of it. */
describe("traps", () => {
  const format = "CLIENT_ERROR bad command line format\r\n";
  const END = "END\r\n";
  test.each([
    ["a bare LF ends a command, so a second one hides in the first", "get ok.a\nflush_all\r\n", END + DENIED],
    ["an empty line is a command too", "\r\nget no\r\n", `ERROR\r\n${DENIED}`],
    ["leading spaces", "   flush_all\r\n", DENIED],
    ["a tab is no separator: the key holds it", "get ok.a\tno\r\n", END],
    ["a CR within a key", "get ok.a\rno\r\n", END],
    ["commands that begin like others", "getXYZ ok.a\r\n", "ERROR\r\n"],
    ["`set ... noreplyX` is answered", "set ok.b 0 0 1 noreplyX\r\nx\r\n", "STORED\r\n"],
    ["`delete k 0` is answered", "delete no 0\r\n", DENIED],
    [
      "a negative length has no value: the next line is a command",
      "set ok.b 0 0 -1\r\nflush_all\r\n",
      format + DENIED,
    ],
    [
      "what a wrong length leaves over are commands",
      "set ok.b 0 0 1\r\nxyzflush_all\r\n",
      `CLIENT_ERROR bad data chunk\r\n${DENIED}`,
    ],
    ["a value that looks like commands", "set ok.b 0 0 9\r\nflush_all\r\n", "STORED\r\n"],
    [
      "a value that looks like the end of an answer",
      "set ok.b 0 0 3\r\nEND\r\nget ok.b no\r\n",
      `STORED\r\n${DENIED}`,
    ],
    ["base64 keys are judged decoded (bm8= is `no`)", "mg bm8= b v\r\nms bm8= 1 b\r\nx\r\n", DENIED + DENIED],
    ["base64 of an allowed key", "mg b2suYQ== b v\r\n", "EN\r\n"],
    ["meta gets that write: T touches, N stores", "mg no N30 v\r\nmg no T30\r\n", DENIED + DENIED],
    ["`gat` writes", "gat 0 no\r\ngat 0 ok.a no\r\n", DENIED + DENIED],
    ["a denied key beyond the 24th token", `get ${"ok.a ".repeat(30)}no\r\n`, DENIED],
    [
      "the server's own commands are neither reads nor writes",
      "shutdown\r\ncache_memlimit 1\r\nverbosity 1\r\nslabs reassign 1 2\r\nlru tune 1 2 3\r\nlru_crawler disable\r\nextstore x y\r\n",
      DENIED.repeat(7),
    ],
    ["lists of keys", "stats cachedump 1 0\r\nstats items\r\nstats\r\n", DENIED.repeat(3)],
    ["`me` shows an item", "me no\r\nme bm8= b\r\n", DENIED + DENIED],
    ["meta writes by every mode", "ms no 1 MA\r\nx\r\nma no\r\nmd no I T0\r\n", DENIED.repeat(3)],
    ["a key over 250 bytes", `get ${"k".repeat(251)}\r\n`, format],
    [
      "dumps of all keys",
      "lru_crawler metadump all\r\nwatch fetchers\r\n",
      "ERROR metadump not allowed\r\nCLIENT_ERROR watch commands not allowed\r\n",
    ],
  ])("%s", async (_, text, answer) => {
    const kept = "set no 0 0 4\r\nkept\r\nmn\r\n";
    await exchange(server.port, latin(kept), "MN\r\n");
    expect(await talk(`${text}mn\r\n`)).toBe(`${answer}MN\r\n`);
    expect(await exchange(server.port, latin("get no\r\n"), END)).toBe(`VALUE no 0 4\r\nkept\r\n${END}`);
  });

  test("who somebody is for memcached (SASL) is not taken for a key", async () => {
    sidecar.setPolicy(
      portPolicy("memcached: [{ commands: [read, write], keyPrefix: ok. }, { commands: [noop, sasl-auth] }]"),
    );
    const bytes = [
      frame(0x20, "", { opaque: 1 }),
      frame(0x21, "ok.a", { value: "\0user\0secret", opaque: 2 }),
      frame(0x22, "ok.a", { value: "x", opaque: 3 }),
      frame(0x0a, "", { opaque: 9 }),
    ];
    const frames = framesOf(await binary(Buffer.concat(bytes), 9));
    // memcached without SASL knows none of its commands.
    expect(frames.map(({ opaque, status }) => [opaque, status])).toEqual([
      [1, 8],
      [2, 0x81],
      [3, 8],
      [9, 0],
    ]);
  });

  test("append and prepend are writes, in binary as well", async () => {
    sidecar.setPolicy(
      portPolicy("l7proto: memcache, l7: [{ command: storage, keyPrefix: ok. }, { command: noop }]"),
    );
    const bytes = [0x0e, 0x0f, 0x19, 0x1a].flatMap((opcode, i) =>
      ["ok.a", "no"].map((key, n) => frame(opcode, key, { value: "x", opaque: i * 2 + n })),
    );
    const frames = framesOf(await binary(Buffer.concat([...bytes, frame(0x0a, "", { opaque: 99 })]), 99));
    // Of the allowed ones there is nothing to append to.
    expect(frames.map(({ status }) => status)).toEqual([5, 8, 5, 8, 5, 8, 5, 8, 0]);
  });
});

describe("bad input", () => {
  /** What a connection comes to: what it received, after it was closed; then another one works. */
  async function broken(bytes: Buffer): Promise<string> {
    const client = new RawClient(sidecar.port);
    client.send(bytes.toString("latin1"));
    await client.until(({ ended, error }) => ended || error !== undefined);
    client.close();
    expect(await talk("get ok.a\r\nmn\r\n")).toBe("END\r\nMN\r\n");
    return client.received;
  }

  test("broken lengths and unknown commands: memcached's own answers, the connection goes on", async () => {
    const format = "CLIENT_ERROR bad command line format\r\n";
    const text = "set ok.a 0 0 -1\r\nset ok.a 0 0 x\r\nset ok.a 0 0\r\nfrobnicate\r\n\r\nGET ok.a\r\nmn\r\n";
    expect(await talk(text)).toBe(`${format}${format}ERROR\r\nERROR\r\nERROR\r\nERROR\r\nMN\r\n`);
    expect(sidecar.sidecar.counters.snapshot()).toEqual({ allowed: 1, "denied:malformed": 6 });
  });

  test("a megabyte without a line end", async () => {
    expect(await broken(Buffer.alloc(1 << 20, "a"))).toBe("CLIENT_ERROR bad command line format\r\n");
    expect(sidecar.sidecar.counters.snapshot()).toMatchObject({ "denied:limit": 1 });
  });

  test("a length that no memcached can hold", async () => {
    expect(await broken(latin("set ok.a 0 0 4294967290\r\nx\r\n"))).toBe(
      "SERVER_ERROR object too large for cache\r\n",
    );
  });

  test("binary frames with impossible lengths", async () => {
    for (const bad of [
      frame(0x00, "ok.a", { body: 2 }),
      frame(0x00, "ok.a", { keyLength: 60_000 }),
      frame(0x01, "ok.a", { body: 0xffffffff, extras: 8 }),
      frame(0x05, "ok.a", { extras: 8 }),
    ]) {
      const [answer] = framesOf(latin(await broken(bad)));
      expect([answer?.opcode, (answer?.status ?? 0) > 0]).toEqual([bad[1], true]);
    }
    expect(sidecar.sidecar.counters.snapshot()["denied:malformed"]).toBe(3);
    expect(sidecar.sidecar.counters.snapshot()["denied:limit"]).toBe(1);
  });

  test("a client that changes protocol", async () => {
    expect(await broken(Buffer.concat([latin("get ok.a\r\n"), frame(0x00, "ok.a")]))).toBe(
      "END\r\nERROR\r\n",
    );
    const noop = frame(0x0a, "", { opaque: 1 });
    expect(framesOf(latin(await broken(Buffer.concat([noop, latin("flush_all\r\n")])))).length).toBe(1);
    expect(sidecar.sidecar.counters.snapshot()).toMatchObject({ "denied:malformed": 2 });
  });

  test("garbage, and answers of the wrong form, from the service", async () => {
    for (const [request, answer] of [
      ["get ok.a\r\n", "\0\x01garbage without end"],
      ["get ok.a\r\n", "STORED\r\n"],
      ["get ok.a\r\n", "VALUE ok.a 0 99999999999\r\n"],
      ["get ok.a\r\n", "VALUE ok.a 0 1\r\nxyEND\r\n"],
      ["set ok.a 0 0 1\r\nx\r\n", "\x81\0\0\0\0\0\0\0"],
      ["set ok.a 0 0 1\r\nx\r\n", "STORED\r\nSTORED\r\n"],
      ["set ok.a 0 0 1 noreply\r\nx\r\n", "STORED\r\n"],
      ["set ok.a 0 0 1\r\nx\r\n", "a".repeat(200_000)],
    ] as const) {
      const service = await RecordingService.start((socket) =>
        socket.on("data", () => socket.write(latin(answer))),
      );
      const between = await TestSidecar.start(service.port, RULES);
      try {
        const client = new RawClient(between.port).send(request);
        if (answer.includes("garbage")) {
          await client.until(() => service.received.length > 0);
          service.sockets[0]?.end();
        }
        await client.until(({ ended, error }) => ended || error !== undefined);
        expect(client.received).not.toContain("garbage");
        expect(Object.keys(between.sidecar.counters.snapshot()).sort()).toEqual([
          "allowed",
          answer.includes("garbage") ? "failed:upstream-reset" : "failed:upstream-malformed",
        ]);
        const next = new RawClient(between.port).send("get no\r\n");
        await next.until(({ received }) => received === DENIED);
        next.close();
      } finally {
        await between.close();
        await service.close();
      }
    }
  });

  test("a service that cannot be reached, or goes in the middle", async () => {
    const gone = await RecordingService.start(() => {});
    await gone.close();
    const none = await TestSidecar.start(gone.port, RULES);
    const client = new RawClient(none.port).send("get no\r\nget ok.a\r\n");
    await client.until(({ ended }) => ended);
    expect(client.received).toBe(`${DENIED}SERVER_ERROR upstream unavailable\r\n`);
    await none.close();
    const half = await RecordingService.start((socket) =>
      socket.on("data", () => socket.end("VALUE ok.a 0 100\r\nabc")),
    );
    const between = await TestSidecar.start(half.port, RULES);
    const cut = new RawClient(between.port).send("get ok.a\r\n");
    await cut.until(({ ended, error }) => ended || error !== undefined);
    expect([cut.error, cut.received.includes("END")]).toEqual(["ECONNRESET", false]);
    await between.close();
    await half.close();
  });
});
