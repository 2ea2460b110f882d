// SPDX-License-Identifier: Apache-2.0
/** Ways past other memcached policies, each by its name, and the ways of memcached 1.6 that make them possible. */
import { describe, expect, test } from "@jest/globals";
import { DEFAULT_LIMITS } from "../../../../core/limits.js";
import { memcached } from "../../../../protocols/memcached/index.js";
import type { MemcachedRequest } from "../../../../protocols/memcached/request.js";
import { binaryNoop, HEADER } from "../../../../protocols/memcached/frames.js";
import { frame, latin, Pair, spansOf } from "../../../support/memcached.js";

/** One decoded command. */
interface Seen {
  commands: string[];
  keys: string[];
  value: string;
  answered: boolean;
  expectation: number;
  refusal: string | undefined;
}

function decode(text: string | Buffer): { seen: Seen[]; fault: string; reply: string } {
  const out = { seen: [] as Seen[], fault: "", reply: "" };
  memcached.requests(DEFAULT_LIMITS).push(typeof text === "string" ? latin(text) : text, {
    head: (request: MemcachedRequest) =>
      out.seen.push({
        ...spansOf(request),
        value: "",
        answered: request.answered,
        expectation: request.expectation,
        refusal: request.refusal && Buffer.from(request.refusal.bytes).toString("latin1"),
      }),
    body: (bytes) => (out.seen[out.seen.length - 1]!.value += Buffer.from(bytes).toString("latin1")),
    end: () => {},
    fault: (fault) => {
      out.fault = fault.reason;
      out.reply = Buffer.from(fault.reply).toString("latin1");
    },
  });
  return out;
}

const FORMAT = "CLIENT_ERROR bad command line format\r\n";
const DENIED = "CLIENT_ERROR access denied\r\n";

/** What one client sends and gets, and what the service gets, when the service answers `answers`. */
function talk(
  text: string | Buffer,
  answers: string | Buffer,
  verdict: ConstructorParameters<typeof Pair>[0],
) {
  const pair = new Pair(verdict);
  pair.fromClient(typeof text === "string" ? latin(text) : text);
  pair.fromService(typeof answers === "string" ? latin(answers) : answers);
  return {
    service: pair.takeToService().toString("latin1"),
    client: pair.takeToClient().toString("latin1"),
    fault: pair.fault,
    closed: pair.closed,
  };
}

describe("text", () => {
  test("a bare LF ends a command: `get ok LF flush_all` is two commands, and the second is judged", () => {
    const { service, client } = talk("get ok\nflush_all\r\n", "END\r\n", ([command]) => command === "get");
    expect(service).toBe("get ok\n");
    expect(client).toBe(`END\r\n${DENIED}`);
  });

  test("a tab, a vertical tab and a CR inside a key are part of it", () => {
    expect(decode("get a\tb c\vd e\rf\r\n").seen[0]!.keys).toEqual(["a\tb", "c\vd", "e\rf"]);
  });

  test("leading and repeated spaces are passed over; an empty line is ERROR and keeps the connection", () => {
    expect(decode("   get   a   b  \r\n").seen[0]!.keys).toEqual(["a", "b"]);
    for (const line of ["\r\n", "\n", " \r\n", "a\n"])
      expect(decode(`${line}version\r\n`).seen.map(({ refusal }) => refusal)).toEqual([
        "ERROR\r\n",
        undefined,
      ]);
  });

  test("commands are case-sensitive; `getXYZ`, unknown and misspelt ones are never forwarded", () => {
    for (const line of ["GET a", "getXYZ a", "getsa a", "foo", "mx a", "\tversion", "Set a 0 0 1"])
      expect(decode(`${line}\r\n`).seen[0]!.refusal).toBe("ERROR\r\n");
  });

  test("noreply is obeyed only as the exact last token where memcached obeys it", () => {
    const answered = (line: string) => decode(`${line}\r\n`).seen[0]!.answered;
    expect(answered("set k 0 0 1 noreply")).toBe(false);
    expect(answered("set k 0 0 1 noreplyX")).toBe(true);
    expect(answered("delete k 0")).toBe(true);
    expect(answered("delete k 0 noreply")).toBe(false);
    expect(answered("delete noreply")).toBe(true);
    expect(answered("get noreply")).toBe(true);
    expect(answered("stats noreply")).toBe(true);
    expect(answered("version noreply")).toBe(true);
    expect(answered("flush_all noreply")).toBe(false);
    expect(answered("verbosity 1 noreply")).toBe(false);
    expect(answered("slabs automove 1 noreply")).toBe(false);
    expect(answered("slabs reassign 1 noreply")).toBe(true);
  });

  test("too many arguments: ERROR is answered even before noreply", () => {
    expect(decode("touch k 0 0 noreply\r\n").seen[0]!.refusal).toBe("ERROR\r\n");
    expect(decode("set k 0 noreply\r\n").seen[0]!.refusal).toBe("ERROR\r\n");
  });

  test("a broken command with noreply is refused in silence", () => {
    for (const line of ["set k x 0 5 noreply", "delete k x noreply"])
      expect(decode(`${line}\r\n`).seen[0]!.refusal).toBe("");
  });

  test("negative and broken lengths: an error, no value, and the next line is a command", () => {
    for (const length of ["-1", "5x", "x", "-"]) {
      const { seen } = decode(`set a 0 0 ${length}\r\nflush_all\r\n`);
      expect(seen[0]!.refusal).toBe(FORMAT);
      expect(seen[1]!.commands).toEqual(["flush_all"]);
    }
  });

  test("numbers that memcached wraps or trims (`+5`, 4294967301, tab) end the connection", () => {
    for (const length of ["+5", "4294967301000", "\t5", "5\t"]) {
      const { fault, reply } = decode(`set a 0 0 ${length}\r\nhello\r\n`);
      expect([fault, reply]).toEqual(["ambiguous-number", FORMAT]);
    }
    expect(decode("set a 0 0 4294967301\r\nhello\r\n").fault).toBe("value-too-large");
  });

  test("a value is walked by its length whatever it holds", () => {
    const value = "END\r\nget k\r\nVALUE k 0 9\r\n";
    const { seen } = decode(`set a 0 0 ${value.length}\r\n${value}\r\nget b\r\n`);
    expect(seen.map(({ keys }) => keys)).toEqual([["a"], ["b"]]);
    expect(seen[0]!.value).toBe(`${value}\r\n`);
  });

  test("a wrong length leaves the rest of the value to be judged as commands", () => {
    const { service, client } = talk(
      "set a 0 0 2\r\nokXXflush_all\r\n",
      "CLIENT_ERROR bad data chunk\r\n",
      ([command]) => command === "set",
    );
    expect(service).toBe("set a 0 0 2\r\nokXX");
    expect(client).toBe(`CLIENT_ERROR bad data chunk\r\n${DENIED}`);
  });

  test("keys over 250 bytes are refused, in any place of a multi-get too", () => {
    const long = "k".repeat(251);
    expect(decode(`get a b ${long} c\r\n`).seen[0]!.refusal).toBe(FORMAT);
    expect(decode(`delete ${long}\r\n`).seen[0]!.refusal).toBe(FORMAT);
    const { seen } = decode(`set ${long} 0 0 9\r\nflush_all\r\n`);
    expect(seen[0]!.refusal).toBe(FORMAT);
    expect(seen[1]!.commands).toEqual(["flush_all"]);
    expect(decode(`get ${"k".repeat(250)}\r\n`).seen[0]!.refusal).toBeUndefined();
  });

  test("every key of a multi-get is seen, past memcached's 24 tokens", () => {
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`);
    expect(decode(`gets ${keys.join(" ")}\r\n`).seen[0]!.keys).toEqual(keys);
    expect(decode(`gat 5 ${keys.join(" ")}\r\n`).seen[0]!.keys).toEqual(keys);
  });

  test("keys are left out of a lookup, by one rule set after the other", () => {
    const sent: string[] = [];
    memcached.requests(DEFAULT_LIMITS).push(latin("version\r\n gats  5  a bb a ccc d \n"), {
      head: (request: MemcachedRequest) => {
        const { fields } = request;
        if (fields.count === 1) return;
        const left = [request.omit([2, 4]), request.omit([1])];
        sent.push(Buffer.from(request.bytes).toString("latin1"), spansOf(request).keys.join());
        sent.push(`${[...left, request.omit([1, 2])].join()}`);
      },
      body: () => {},
      end: () => {},
      fault: () => {},
    });
    expect(sent).toEqual([" gats  5  a d\r\n", "a,d", "true,true,false"]);
  });

  test("NUL, where memcached stops reading, ends the connection", () => {
    expect(decode("get ok\0 secret\r\n").fault).toBe("nul-in-command");
  });

  test("streams are refused: watch and lru_crawler metadump", () => {
    expect(decode("watch fetchers\r\n").seen[0]!.refusal).toBe("CLIENT_ERROR watch commands not allowed\r\n");
    expect(decode("lru_crawler metadump all\r\n").seen[0]!.refusal).toBe("ERROR metadump not allowed\r\n");
  });
});

describe("meta", () => {
  test("base64 keys are decoded for policy", () => {
    expect(decode("mg c2VjcmV0 b v\r\n").seen[0]!.keys).toEqual(["secret"]);
    expect(decode("ms c2VjcmV0 2 b\r\nok\r\n").seen[0]).toMatchObject({ keys: ["secret"], value: "ok\r\n" });
    expect(decode("me c2VjcmV0 b\r\n").seen[0]!.keys).toEqual(["secret"]);
    expect(decode("ms YWI= 2 T0 b\r\nok\r\n").seen[0]!.keys).toEqual(["ab"]);
  });

  test("base64 that two readers could read in two ways is refused, its value swallowed", () => {
    for (const key of ["c2VjcmV", "!!!!", "YWJ=", "YR==", "="]) {
      const { seen } = decode(`ms ${key} 9 b\r\nflush_all\r\nmn\r\n`);
      expect(seen.map(({ refusal }) => refusal)).toEqual(["CLIENT_ERROR error decoding key\r\n", undefined]);
      expect(seen[0]!.value).toBe("flush_all\r\n");
    }
    expect(decode("mg YWI= bx\r\n").seen[0]!.refusal).toBe("CLIENT_ERROR error decoding key\r\n");
    expect(decode("me YWI= x b\r\n").seen[0]!.refusal).toBe("CLIENT_ERROR error decoding key\r\n");
  });

  test("a meta get that writes (vivify N, touch T) names the write", () => {
    expect(decode("mg k v\r\n").seen[0]!.commands).toEqual(["mg"]);
    expect(decode("mg k v N30\r\n").seen[0]!.commands).toEqual(["mg", "add"]);
    expect(decode("mg k T0 N1\r\n").seen[0]!.commands).toEqual(["mg", "touch", "add"]);
    expect(decode("ma k N0\r\n").seen[0]!.commands).toEqual(["ma"]);
  });

  test("quiet commands are followed by a no-op that never reaches the client, so that denials keep their place", () => {
    const { service, client } = talk(
      "mg a v q\r\nget secret\r\nmg b v q\r\nversion\r\n",
      "MN\r\nVA 4\r\nMN\r\n\r\nMN\r\nVERSION 1\r\n",
      (_, keys) => !keys.includes("secret"),
    );
    expect(service).toBe("mg a v q\r\nmn\r\nmg b v q\r\nmn\r\nversion\r\n");
    expect(client).toBe(`${DENIED}VA 4\r\nMN\r\n\r\nVERSION 1\r\n`);
  });

  test("the no-op of a quiet set stands behind its value", () => {
    const { service, client } = talk("ms a 2 q\r\nok\r\nmn\r\n", "MN\r\nMN\r\n", undefined);
    expect(service).toBe("ms a 2 q\r\nok\r\nmn\r\nmn\r\n");
    expect(client).toBe("MN\r\n");
  });
});

describe("binary", () => {
  test("body length is held to key and extras: bytes left behind would run as the next request", () => {
    const smuggled = frame(0x08, "");
    for (const bytes of [
      frame(0x1d, "k", { extras: 4, value: smuggled.toString("latin1") }),
      frame(0x10, "items", { value: smuggled.toString("latin1") }),
      frame(0x00, "k", { value: "x" }),
      frame(0x0a, "", { value: "x" }),
      frame(0x00, "k", { body: 0 }),
      frame(0x01, "k", { extras: 4 }),
      frame(0x00, "k".repeat(251)),
    ]) {
      const { fault, seen, reply } = decode(bytes);
      expect([fault, seen]).toEqual(["bad-lengths", []]);
      expect(reply.length).toBeGreaterThan(HEADER);
    }
    expect(decode(frame(0x01, "k", { extras: 8, body: 0xffffffff })).fault).toBe("value-too-large");
  });

  test("append and prepend, quiet ones too, are writes by name", () => {
    for (const [opcode, name] of [
      [0x0e, "append"],
      [0x0f, "prepend"],
      [0x19, "append"],
      [0x1a, "prepend"],
    ] as const)
      expect(decode(frame(opcode, "k", { value: "v" })).seen[0]).toMatchObject({
        commands: [name],
        keys: ["k"],
        value: "v",
      });
  });

  test("unknown opcodes are answered here and their bodies swallowed", () => {
    const { seen } = decode(Buffer.concat([frame(0x77, "key", { extras: 3, value: "v" }), frame(0x0b, "")]));
    expect(seen.map(({ commands }) => commands)).toEqual([[], ["version"]]);
    expect(seen[0]!.refusal).toContain("Unknown command");
  });

  test("a denial echoes opcode and opaque and is status 8, for quiet requests too", () => {
    for (const opcode of [0x00, 0x09]) {
      const { client, service } = talk(frame(opcode, "secret", { opaque: 0xdeadbeef }), "", () => false);
      const answer = latin(client);
      expect(service).toBe("");
      expect([answer[0], answer[1], answer.readUInt16BE(6), answer.readUInt32BE(12)]).toEqual([
        0x81,
        opcode,
        8,
        0xdeadbeef,
      ]);
    }
  });

  test("a denial behind quiet requests waits for their answers behind a no-op of its own", () => {
    const pair = new Pair((_, keys) => !keys.includes("secret"));
    pair.fromClient(Buffer.concat([frame(0x09, "a", { opaque: 1 }), frame(0x00, "secret", { opaque: 2 })]));
    expect(pair.takeToClient()).toHaveLength(0);
    const sent = pair.takeToService();
    const noop = sent.subarray(sent.length - HEADER);
    expect(noop[1]).toBe(0x0a);
    const hit = frame(0x09, "", { extras: 4, value: "v", opaque: 1 });
    const pong = Buffer.from(noop);
    hit[0] = pong[0] = 0x81;
    pair.fromService(hit);
    expect(pair.takeToClient()).toEqual(hit);
    pair.fromService(pong);
    const denial = pair.takeToClient();
    expect([denial[1], denial.readUInt32BE(12), denial.readUInt16BE(6)]).toEqual([0, 2, 8]);
  });

  test("stat has many answers, the empty one is the last", () => {
    const line = frame(0x10, "pid", { value: "1" });
    const end = frame(0x10, "");
    const pong = binaryNoop(0);
    line[0] = end[0] = pong[0] = 0x81;
    const stream = Buffer.concat([line, line, end, pong]);
    const { client, fault } = talk(Buffer.concat([frame(0x10, ""), binaryNoop(0)]), stream, undefined);
    expect([client, fault]).toEqual([stream.toString("latin1"), ""]);
  });
});

describe("connections that cannot go on", () => {
  test("a client that changes protocol", () => {
    expect(decode(Buffer.concat([latin("version\r\n"), binaryNoop(0)])).fault).toBe("binary-in-text");
    expect(decode(Buffer.concat([binaryNoop(0), latin("version\r\n" + " ".repeat(24))])).fault).toBe(
      "text-in-binary",
    );
  });

  test("a megabyte without a line end", () => {
    const decoder = memcached.requests(DEFAULT_LIMITS);
    let fault = "";
    const sink = {
      head() {},
      body() {},
      end() {},
      fault: ({ reason }: { reason: string }) => (fault = reason),
    };
    for (let i = 0; i < 1024; i++) decoder.push(Buffer.alloc(1024, 0x61), sink as never);
    expect(fault).toBe("line-too-long");
  });

  test.each([
    ["garbage", "get a\r\n", "hello\r\n"],
    ["a line without CR", "get a\r\n", "END\n"],
    ["data without its CRLF", "get a\r\n", "VALUE a 0 2\r\nokXXEND\r\n"],
    ["a length that is none", "get a\r\n", "VALUE a 0 x\r\n"],
    ["a value as answer to a set", "set a 0 0 1\r\n1\r\n", "VALUE a 0 2\r\n"],
    ["an answer nobody asked for", "set a 0 0 1 noreply\r\n1\r\n", "STORED\r\n"],
    ["a binary answer to a text command", "get a\r\n", `\x81\0${"\0".repeat(22)}`],
    ["the wrong opaque", binaryNoop(1), Buffer.concat([Buffer.from([0x81]), binaryNoop(2).subarray(1)])],
  ])("from the service: %s", (_, request, answer) => {
    const { fault, closed } = talk(request as string, answer as string, undefined);
    expect(["bad-response", "unexpected-response"]).toContain(fault);
    expect(closed).toBe(true);
  });
});
