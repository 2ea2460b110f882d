// SPDX-License-Identifier: Apache-2.0
import { http1 } from "../../protocols/http1/index.js";
import { protocolSuite } from "./protocol.suite.js";

const HEAD = 1;
const CHUNKED = "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n";
const LENGTH = "Content-Length: 5\r\n\r\nhello";

protocolSuite(http1, [
  {
    name: "GET",
    side: "client",
    bytes: "GET /a?b HTTP/1.1\r\nHost: h:80\r\nX-Key:  v w \r\n\r\n",
    identity: true,
  },
  {
    name: "pipelined",
    side: "client",
    bytes: `GET / HTTP/1.1\r\nHost: h\r\n\r\nPOST /p HTTP/1.1\r\nHost: h\r\n${LENGTH}GET /2 HTTP/1.1\r\nHost: h\r\n\r\n`,
    identity: true,
  },
  {
    name: "chunked request",
    side: "client",
    bytes: `POST / HTTP/1.1\r\nHost: h\r\n${CHUNKED}GET / HTTP/1.1\r\nHost: h\r\n\r\n`,
    identity: true,
  },
  {
    name: "trailers",
    side: "client",
    bytes:
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n",
    identity: true,
  },
  {
    name: "forbidden trailer",
    side: "client",
    bytes: "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 1\r\n\r\n",
  },
  {
    name: "chunk extension in a request",
    side: "client",
    bytes: "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\nx\r\n0\r\n\r\n",
  },
  {
    name: "chunk without its CRLF",
    side: "client",
    bytes: "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n",
  },
  {
    name: "chunk size with 0x",
    side: "client",
    bytes: "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n",
  },
  {
    name: "absolute form",
    side: "client",
    bytes: "GET http://h/a HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
  },
  {
    name: "1.0 and close",
    side: "client",
    bytes: "GET / HTTP/1.0\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    identity: true,
  },
  { name: "bare LF", side: "client", bytes: "GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n" },
  {
    name: "head too large",
    side: "client",
    bytes: `GET / HTTP/1.1\r\nHost: h\r\nX: ${"x".repeat(300)}\r\n\r\n`,
    limits: { headBytes: 128 },
  },
  {
    name: "too many headers",
    side: "client",
    bytes: `GET / HTTP/1.1\r\nHost: h\r\n${"X: y\r\n".repeat(5)}\r\n`,
    limits: { headerCount: 4 },
  },
  {
    name: "cut body",
    side: "client",
    bytes: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhell",
    finish: true,
  },
  {
    name: "length",
    side: "server",
    bytes: `HTTP/1.1 200 OK\r\n${LENGTH}`,
    expectations: [0],
    identity: true,
  },
  {
    name: "chunked responses with an extension",
    side: "server",
    bytes: `HTTP/1.1 200 OK\r\n${CHUNKED}HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n`,
    expectations: [0, 0],
    identity: true,
  },
  {
    name: "100, then 200",
    side: "server",
    bytes: `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n${LENGTH}`,
    expectations: [0],
    identity: true,
  },
  {
    name: "HEAD, 204, 304",
    side: "server",
    bytes: `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 No\r\n\r\nHTTP/1.1 304 No\r\nContent-Length: 7\r\n\r\nHTTP/1.1 200\r\n${LENGTH}`,
    expectations: [HEAD, 0, 0, 0],
    identity: true,
  },
  {
    name: "until close",
    side: "server",
    bytes: "HTTP/1.1 200 OK\r\n\r\nall the rest",
    expectations: [0],
    finish: true,
    identity: true,
  },
  {
    name: "cut response",
    side: "server",
    bytes: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell",
    expectations: [0],
    finish: true,
  },
  {
    name: "nobody asked",
    side: "server",
    bytes: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    expectations: [0],
  },
  { name: "no HTTP", side: "server", bytes: "SSH-2.0-x\r\n\r\n", expectations: [0] },
  {
    name: "both lengths",
    side: "server",
    bytes: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    expectations: [0],
  },
]);
