// SPDX-License-Identifier: Apache-2.0
import { memcached } from "../../protocols/memcached/index.js";
import { binaryExpectation, Expectation } from "../../protocols/memcached/frames.js";
import { frame } from "../support/memcached.js";
import { protocolSuite, type StreamCase } from "./protocol.suite.js";

const { line, values, stats, meta, quiet } = Expectation;
/** A value that looks like all that may end one. */
const TRAP = "\r\nEND\r\nVALUE a 0 1\r\nMN\r\n";
const LONG = "k".repeat(251);
const ITEM = `VALUE a 0 ${TRAP.length}\r\n${TRAP}\r\n`;

const client = (name: string, bytes: string, more: Partial<StreamCase> = { identity: true }): StreamCase => ({
  name,
  side: "client",
  bytes,
  ...more,
});
const server = (
  name: string,
  expectations: readonly number[],
  bytes: string,
  more: Partial<StreamCase> = { identity: true },
): StreamCase => ({ name, side: "server", bytes, expectations, ...more });
const broken = {};

function text(...frames: readonly Buffer[]): string {
  return Buffer.concat(frames).toString("latin1");
}
function answers(...frames: readonly Buffer[]): string {
  for (const one of frames) one[0] = 0x81;
  return text(...frames);
}
const of = (opcode: number): number => binaryExpectation(opcode, 7);
const opaque = 7;

protocolSuite(memcached, [
  client("lookups", "get a\r\n  gets  a bb\tc \ngat 5 a b\r\nget a\rb c\r\n"),
  client("stores", `set a 0 0 ${TRAP.length}\r\n${TRAP}\r\ncas a 0 0 0 1 noreply\r\n\r\nadd a 0 0 1\n1\r\n`),
  client("other commands", "delete a 0\r\nincr a 1 noreply\r\ntouch a 0\r\nstats\r\nflush_all 0\r\nquit\r\n"),
  client("a value with a wrong end", "set a 0 0 2\r\nokXXget a\r\n"),
  client("meta", "mg a v\r\nms YQ== 2 b T0\r\nok\r\nmd a\r\nma a N0\r\nme a\r\nmn\r\n"),
  client("quiet meta", "mg a v q\r\nms a 2 q\r\nok\r\nmd a q\r\nmn\r\n", broken),
  client(
    "refused: unknown, empty, long",
    `GET a\r\n\r\n\nget a ${LONG}\r\nset ${LONG} 0 0 2\r\nwatch\r\nmn\r\n`,
    broken,
  ),
  client("refused: numbers", "set a 0 0 -1\r\nset a x 0 1 noreply\r\nget\r\nset a 0 0\r\nmn\r\n", broken),
  client("refused meta with its value", "ms !!! 4 b\r\nmn\r\n\r\nms a S2\r\nmn\r\n", broken),
  client("NUL", "get a\r\nget a\0b\r\n", broken),
  client("a number that is read in two ways", "set a 0 0 +2\r\nok\r\n", broken),
  client("a value that nobody can hold", "set a 0 0 4294967290\r\n", broken),
  client("a line without an end", "get a\r\n" + "a".repeat(300), { limits: { headBytes: 128 } }),
  client("a cut value", "set a 0 0 9\r\nhell", { finish: true }),
  client("a cut line", "get a", { finish: true }),
  client("binary in text", text(Buffer.from("get a\r\n"), frame(0x0a, "")), broken),
  client(
    "binary",
    text(
      frame(0x00, "a", { opaque }),
      frame(0x01, "a", { extras: 8, value: TRAP }),
      frame(0x0d, "a"),
      frame(0x1d, "a", { extras: 4 }),
      frame(0x10, ""),
      frame(0x05, "a", { extras: 20 }),
      frame(0x17, ""),
    ),
  ),
  client("unknown opcodes", text(frame(0x77, "key", { extras: 3, value: "v" }), frame(0x0b, "")), broken),
  client(
    "binary with lengths that do not fit",
    text(frame(0x0a, ""), frame(0x00, "a", { value: "x" })),
    broken,
  ),
  client("binary too large", text(frame(0x01, "a", { extras: 8, body: 0xffffffff })), broken),
  client("text in binary", text(frame(0x0a, ""), Buffer.from("get a\r\n".padEnd(24))), broken),
  server("lines", [line, line, line, line], "STORED\r\n17\r\nCLIENT_ERROR x y\r\nVERSION 1.6.18\r\n"),
  server(
    "values",
    [values, values, values],
    `${ITEM}VALUE b 1 2 3\r\nok\r\nEND\r\nEND\r\n${ITEM}${ITEM}END\r\n`,
  ),
  server("values, then an error", [values, line], `${ITEM}SERVER_ERROR x\r\nOK\r\n`),
  server(
    "values as memcached does not write them",
    [values],
    "VALUE a x 2\r\nok\r\nVALUE a 0 002 x y\r\nok\r\nEND x\r\n",
  ),
  server("stats", [stats, stats], "STAT a END\r\nITEM b [1 b; 0 s]\r\nEND\r\nRESET\r\n"),
  server("meta", [meta, meta, meta], `VA ${TRAP.length} ka\r\n${TRAP}\r\nHD\r\nEN\r\n`),
  server("quiet meta", [quiet, quiet, line], `VA ${TRAP.length}\r\n${TRAP}\r\nMN\r\nMN\r\nMN\r\n`, broken),
  server("data without its line end", [values], "VALUE a 0 2\r\nokXXEND\r\n", broken),
  server("a length that is none", [values], "VALUE a 0 x\r\n", broken),
  server("a length that nobody can hold", [values], "VALUE a 0 99999999999\r\n", broken),
  server("bare LF", [values], `${ITEM}END\n`, broken),
  server("a line where values are due", [values], "STORED\r\n", broken),
  server("a value where a line is due", [line], ITEM, broken),
  server("nobody asked", [line], "STORED\r\nSTORED\r\n", broken),
  server("an answer without an end", [line], "a".repeat(300), { limits: { headBytes: 128 } }),
  server("cut data", [values], "VALUE a 0 9\r\nhell", { finish: true }),
  server(
    "binary answers",
    [of(0x00), of(0x01), of(0x10), of(0x0a)],
    answers(
      frame(0x00, "", { opaque, extras: 4, value: TRAP }),
      frame(0x01, "", { opaque }),
      frame(0x0d, "a", { extras: 4, value: "x" }),
      frame(0x10, "pid", { opaque, value: "1" }),
      frame(0x10, "", { opaque }),
      frame(0x0a, "", { opaque }),
    ),
  ),
  server("the wrong opaque", [of(0x00)], answers(frame(0x00, "", { opaque: 8 })), broken),
  server("binary, too large", [of(0x00)], answers(frame(0x00, "", { opaque, body: 0xffffffff })), broken),
]);
