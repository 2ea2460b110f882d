// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { DEFAULT_LIMITS } from "../../../core/limits.js";
import { TableBit } from "../../../core/table.js";
import { responseTable } from "../../../l7policy/compile/response.js";
import { runHead, type HeadVerdict } from "../../../l7policy/compile/run.js";
import { ResponseDecoder } from "../../../protocols/http1/decoder.js";
import { Expectation } from "../../../protocols/http1/request.js";

const run = (raw: string): HeadVerdict => {
  const bytes = Buffer.from(raw, "latin1");
  return runHead(responseTable(), bytes, 0, bytes.length);
};

/** Body length that a run tells: -1 chunked, -2 until the connection ends. */
function framed({ got, length }: HeadVerdict): number {
  const has = (bit: number): boolean => (got & (1n << BigInt(bit))) !== 0n;
  if (has(TableBit.bodiless)) return 0;
  if (has(TableBit.chunked)) return -1;
  return has(TableBit.length) ? length : -2;
}

/** What the strict codec makes of a response head to GET: its body length, or the word `fault` or `short`. */
function decoded(raw: string): number | "fault" | "short" {
  let result: number | "fault" | "short" = "short";
  new ResponseDecoder(DEFAULT_LIMITS, () => Expectation.ordinary).push(Buffer.from(raw, "latin1"), {
    head: ({ bodyLength }) => (result = result === "short" ? bodyLength : result),
    body: () => undefined,
    end: () => undefined,
    fault: () => (result = result === "short" ? "fault" : result),
  });
  return result;
}

const status = fc.oneof(
  fc.constantFrom(
    "200 OK",
    "204 No Content",
    "304 Not Modified",
    "404 Not Found",
    "500 Internal Server Error",
  ),
  fc.constantFrom(
    "100 Continue",
    "101 Switching Protocols",
    "199 x",
    "600 x",
    "200",
    "200 ",
    "20 OK",
    "2000 OK",
    "299 \xe9",
  ),
);
const line = fc.constantFrom(
  ...[
    "Server: nginx/1.24.0",
    "Date: Thu, 01 Jan 1970 00:00:00 GMT",
    'ETag: "x"',
    "Content-Type: text/html; charset=utf-8",
  ],
  ...[
    "Content-Length: 0",
    "Content-Length: 615",
    "content-length: 15",
    "Content-Length: 1 ",
    "Content-Length: +1",
    "Content-Length: 1000000000000000",
  ],
  ...[
    "Transfer-Encoding: chunked",
    "transfer-encoding: Chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding:chunked",
  ],
  ...[
    "Connection: keep-alive",
    "Connection: close",
    "Set-Cookie: a=b\tc",
    "X: \x80",
    "X:",
    "X: ",
    "X : y",
    " folded",
    "X\xe9: y",
  ],
);
const head = fc
  .tuple(
    fc.constantFrom("HTTP/1.1 ", "HTTP/1.1 ", "HTTP/1.1 ", "HTTP/1.0 ", "http/1.1 ", "HTTP/1.1  "),
    status,
    fc.array(line, { maxLength: 5 }),
    fc.constantFrom("\r\n", "\r\n", "\r\n", "\n"),
  )
  .map(
    ([version, code, lines, end]) =>
      `${version}${code}\r\n${lines.map((one) => `${one}\r\n`).join("")}${end}`,
  );

test("the response table frames what it accepts as the strict codec does", () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  let sure = 0;
  fc.assert(
    fc.property(head, (raw) => {
      const { verdict, ...rest } = run(raw);
      if (verdict !== "end") return;
      sure++;
      expect(framed({ verdict, ...rest })).toBe(decoded(raw));
      expect(rest.expect).toBe(Number(raw[9]));
      expect(rest.end).toBe(raw.length);
    }),
    { seed, numRuns: process.env.SOAK ? 1_000_000 : 10_000 },
  );
  console.info(`response table: ${sure} sure, seed ${seed}`);
  expect(sure).toBeGreaterThan(100);
}, 3_600_000);

test.each([
  ["a length", "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", "end", 12],
  ["none", "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n", "end", -2],
  ["chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n", "end", -1],
  ["304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n", "end", 0],
  [
    "both, in either order",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "unsure",
    undefined,
  ],
  [
    "both, in either order",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
    "unsure",
    undefined,
  ],
  [
    "chunked twice",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "unsure",
    undefined,
  ],
  ["interim", "HTTP/1.1 100 Continue\r\n\r\n", "unsure", undefined],
])("a response that says of its body: %s", (_, raw, verdict, length) => {
  const result = run(raw);
  expect(result.verdict).toBe(verdict);
  if (length !== undefined) expect(framed(result)).toBe(length);
});

test.each([
  ["Connection: close", "unsure"],
  ["connection: Close", "unsure"],
  ["Connection: keep-alive, close", "unsure"],
  ["Connection: Keep-Alive", "end"],
])("an answer with %s is left to the sidecar where it ends the connection", (header, verdict) => {
  for (const lines of [`${header}\r\nContent-Length: 2`, `Content-Length: 2\r\n${header}`])
    expect(run(`HTTP/1.1 200 OK\r\n${lines}\r\n\r\n`).verdict).toBe(verdict);
  expect(run(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${header}\r\n\r\n`).verdict).toBe(verdict);
});
