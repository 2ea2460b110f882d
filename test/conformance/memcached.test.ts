// SPDX-License-Identifier: Apache-2.0
/** The codec against memcached itself: the same commands sent to it directly and through a relay made of the decoders. */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { HEADER } from "../../protocols/memcached/frames.js";
import { exchange, frame, latin, MemcachedServer, PairRelay } from "../support/memcached.js";

const run = promisify(execFile);
let direct: MemcachedServer;
let behind: MemcachedServer;
let relay: PairRelay;

beforeAll(async () => {
  [direct, behind] = await Promise.all([MemcachedServer.start(), MemcachedServer.start()]);
  relay = await PairRelay.start(behind.port);
});
afterAll(async () => {
  await relay.close();
  await Promise.all([direct.close(), behind.close()]);
});

const LONG = "k".repeat(251);

/** Every way of writing a command that memcached and a policy could understand differently, one a line. */
const COMMANDS = [
  "version\n",
  "   version\r\n",
  "\tversion\r\n",
  "\r\n",
  "\n",
  "a\n",
  " \r\n",
  "foo bar\r\n",
  "GET a\r\n",
  "getXYZ a\r\n",
  "get\r\n",
  "get a\r\n",
  "get a b a\r\n",
  "gets a\n",
  "get a\tb\r\n",
  "get a\rb\r\n",
  `get a ${LONG}\r\n`,
  "gat 0 a b\r\n",
  "gats 0 a\r\n",
  "gat x a\r\n",
  "gat 0\r\n",
  "bget a\r\n",
  `get ${Array(60).fill("a").join(" ")}\r\n`,
  "set a 0 0 5\r\nhello\r\n",
  "set a 0 0 5\nhello\r\n",
  "set a 0 0 5 noreply\r\nhello\r\n",
  "set a 0 0 5 noreplyX\r\nhello\r\n",
  "set a 0 0 05\r\nhello\r\n",
  "set a 7 0 18\r\nEND\r\nVALUE b 0 3\r\n\r\n",
  "set a 0 0 2\r\nhello\r\n",
  "set a 0 0 9\r\nhello\r\nxx\r\n",
  "set a 0 0 -1\r\n",
  "set a 0 0 5x\r\n",
  "set a 0 0\r\n",
  "set a x 0 1\r\n",
  "set a 0 0 5 noreply noreply\r\n",
  "set a 0 x 1 noreply\r\n",
  `set ${LONG} 0 0 1\r\n`,
  "set a 0 0 0\r\n\r\n",
  "add a 0 0 1\r\nx\r\n",
  "add c 0 0 1\r\n5\r\n",
  "replace a 0 0 1\r\ny\r\n",
  "append a 0 0 1\r\nz\r\n",
  "prepend a 0 0 1\r\nw\r\n",
  "cas a 0 0 1 1\r\nq\r\n",
  "cas a 0 0 1 x\r\n",
  "cas a 0 0 1\r\n",
  "delete a\r\n",
  "delete a 0\r\n",
  "delete a 0 noreply\r\n",
  "delete a x\r\n",
  "delete a x noreply\r\n",
  "delete noreply\r\n",
  "delete a 0 0 0\r\n",
  "set c 0 0 1\r\n5\r\n",
  "incr c 2\r\n",
  "decr c 1\r\n",
  "incr c x\r\n",
  "incr a 1\r\n",
  "incr c 1 noreply\r\n",
  "touch c 0\r\n",
  "touch c 0 0 noreply\r\n",
  "touch c x noreply\r\n",
  "touch zz 0\r\n",
  `touch ${LONG} 0\r\n`,
  "verbosity 0\r\n",
  "verbosity\r\n",
  "verbosity 0 noreply\r\n",
  "flush_all -1 noreply\r\n",
  "flush_all a b c d\r\n",
  "stats noreply\r\n",
  "stats reset\r\n",
  "stats detail on\r\n",
  "stats detail off\r\n",
  "cache_memlimit 64\r\n",
  "cache_memlimit 64 noreply\r\n",
  "slabs automove 0\r\n",
  "slabs automove 0 noreply\r\n",
  "slabs\r\n",
  "lru mode flat\r\n",
  "lru\r\n",
  "lru_crawler\r\n",
  "shutdown\r\n",
  "extstore a b\r\n",
  "mn\r\n",
  "mn x\r\n",
  "mx\r\n",
  "mg\r\n",
  "mg a v\r\n",
  "mg a v k s f t O12\r\n",
  "mg zz v\r\n",
  "mg a v q\r\n",
  "mg zz q\r\n",
  "mg a v v\r\n",
  "mg a !\r\n",
  "mg a q !\r\n",
  "mg YWE= b v k\r\n",
  "mg zz N0 t\r\n",
  "mg a T0 v\r\n",
  `mg ${LONG} v\r\n`,
  `mg a ${Array(30).fill("q").join(" ")}\r\n`.replace("mg", "md"),
  "ms a 2\r\nok\r\n",
  "ms a 2 q\r\nok\r\n",
  "ms YWE= 2 b\r\nok\r\n",
  "ms !!! 2 b\r\nok\r\n",
  "ms a\r\n",
  "ms a -5\r\n",
  "ms a S5\r\n",
  "ms a 2 Z\r\nok\r\n",
  "ms a 2 ME q\r\nok\r\n",
  "ms a 2 q\r\nokXX",
  "ms zz 0 MR\r\n\r\n",
  "md zz\r\n",
  "md zz q\r\n",
  "md a q\r\n",
  "ma c\r\n",
  "ma c q\r\n",
  "ma c v\r\n",
  "ma c q v\r\n",
  "ma zz q\r\n",
  "ma a\r\n",
  "ma zz N0 J5 v\r\n",
  "me zz\r\n",
];

test("every command of the list, alone", async () => {
  for (const command of COMMANDS) {
    // The second no-op tells where answers end, and that the connection lives.
    const script = latin(`${command}mn\r\nverbosity x\r\n`);
    const end = "MN\r\nCLIENT_ERROR bad command line format\r\n";
    const [want, got] = await Promise.all([
      exchange(direct.port, script, end),
      exchange(relay.port, script, end),
    ]);
    expect([command, settled(got)]).toEqual([command, settled(want)]);
  }
}, 120_000);

/**
 * A get with a key that is too long makes memcached 1.6.18 forget the answers of commands pipelined before it; the relay
 * refuses it and loses none.
 */
const PIPELINED = COMMANDS.filter((command) => !(command.startsWith("get ") && command.includes(LONG)));

/** Numbers that repeat for a seed. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test("random scripts of text and meta commands, pipelined and in pieces", async () => {
  const random = generator(Number(process.env["SEED"] ?? 77));
  const scripts = process.env["SOAK"] ? 5000 : 150;
  for (let script = 0; script < scripts; script++) {
    let text = "";
    for (let commands = 1 + random(60); commands > 0; commands--) text += PIPELINED[random(PIPELINED.length)];
    // No command of the list can have this answer: what a script answers before its end may look like any of them.
    const bytes = latin(`${text}\r\nms last 0 Oend${script} k\r\n\r\n`);
    const end = `HD Oend${script} klast\r\n`;
    const chunk = random(2) === 0 ? 0 : 1 + random(60);
    const [want, got] = await Promise.all([
      exchange(direct.port, bytes, end),
      exchange(relay.port, bytes, end, chunk),
    ]);
    expect([text, settled(got)]).toEqual([text, settled(want)]);
  }
}, 3_600_000);

/**
 * Answers without what an item's history adds to them: the debug line of `me` tells time, and how an item was stored,
 * which depends on whether an answer that holds it was sent already when the next command came.
 */
function settled(answers: string): string {
  return answers.replace(/^ME (\S+) .*$/gm, "ME $1");
}

test("random scripts of binary requests, quiet ones among them", async () => {
  const random = generator(Number(process.env["SEED"] ?? 78));
  const scripts = process.env["SOAK"] ? 5000 : 150;
  for (let script = 0; script < scripts; script++) {
    const frames: Buffer[] = [];
    for (let count = 1 + random(50); count > 0; count--) {
      const opcode = [
        0, 1, 2, 3, 4, 5, 6, 9, 0xa, 0xb, 0xc, 0xd, 0xe, 0xf, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x19, 0x1a,
        0x1c, 0x1d, 0x1e, 0x20, 0x21, 0x23, 0x24,
      ][random(29)]!;
      const key = ["a", "b", "c", "n"][random(4)]!;
      const opaque = random(2 ** 31);
      const extras =
        {
          1: 8,
          2: 8,
          3: 8,
          0x11: 8,
          0x12: 8,
          0x13: 8,
          5: 20,
          6: 20,
          0x15: 20,
          0x16: 20,
          0x1c: 4,
          0x1d: 4,
          0x1e: 4,
          0x23: 4,
          0x24: 4,
        }[opcode] ?? 0;
      const valued = [1, 2, 3, 0x11, 0x12, 0x13, 0xe, 0xf, 0x19, 0x1a, 0x21].includes(opcode);
      const bare = [0xa, 0xb, 0x20].includes(opcode);
      const request = frame(opcode, bare ? "" : key, {
        extras,
        opaque,
        value: valued ? ["5", "", "\x81\0".repeat(20)][random(3)]! : "",
      });
      // Counters begin with 7 and are never shortened by a sum: memcached writes a shorter number over a longer one, with
      // spaces behind it, only while no answer that holds the item is unsent; what is appended then tells the two apart.
      if (extras === 20) request[HEADER + 15] = 7;
      frames.push(request);
    }
    const bytes = Buffer.concat([...frames, frame(0x0a, "", { opaque: 0x456e6421 })]);
    const end = "End!" + "\0".repeat(8);
    const [want, got] = await Promise.all([
      exchange(direct.port, bytes, end),
      exchange(relay.port, bytes, end, random(2) === 0 ? 0 : 1 + random(60)),
    ]);
    expect(got).toBe(want);
  }
}, 3_600_000);

test("memccapable passes all of its cases through the relay, as it does without", async () => {
  const [through, without] = await Promise.all(
    [relay.port, direct.port].map((port) =>
      run("memccapable", ["-h", "127.0.0.1", "-p", String(port), "-t", "30"]),
    ),
  );
  expect(through!.stdout).toContain("All tests passed");
  expect(through!.stdout).toBe(without!.stdout);
  expect(through!.stdout.match(/\[pass\]/g)!.length).toBeGreaterThanOrEqual(54);
});
