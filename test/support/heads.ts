// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { DEFAULT_LIMITS } from "../../core/limits.js";
import { RequestDecoder } from "../../protocols/http1/decoder.js";
import type { HttpRequest } from "../../protocols/http1/request.js";

/** Request heads as clients send them, with `%M`, `%P` and `%H` for method, path and host. */
const CLIENTS = [
  "%M %P HTTP/1.1\r\nHost: %H\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n",
  "%M %P HTTP/1.1\r\nHost: %H\r\nUser-Agent: Wget/1.21.4\r\nAccept: */*\r\nAccept-Encoding: identity\r\nConnection: Keep-Alive\r\n\r\n",
  "%M %P HTTP/1.1\r\nHost: %H\r\nUser-Agent: python-requests/2.31.0\r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\nContent-Length: 13\r\nContent-Type: application/json\r\n\r\n",
  "%M %P HTTP/1.1\r\nHost: %H\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: 7\r\nX-Token: secret\r\nAccept-Encoding: gzip\r\n\r\n",
  "%M %P HTTP/1.1\r\nhost: %H\r\nconnection: keep-alive\r\naccept: */*\r\naccept-language: *\r\nsec-fetch-mode: cors\r\nuser-agent: node\r\nx-token: secret\r\n\r\n",
  "%M %P HTTP/1.1\r\nUser-Agent: Java-http-client/17.0.1\r\nHost: %H\r\nX-Debug: \r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\nUpgrade: h2c\r\n\r\n",
  "%M %P HTTP/1.1\r\nHost: %H\r\nTransfer-Encoding: chunked\r\nX-TOKEN: secret\r\nExpect: 100-continue\r\n\r\n",
  "%M %P HTTP/1.1\r\nHost: %H\r\nTE: trailers\r\nX-Request-Id: 4f\r\nX-Forwarded-For: 10.0.0.1, 10.0.0.2\r\n\r\n",
  "%M %P HTTP/1.0\r\nHost: %H\r\nConnection: close\r\n\r\n",
];
const METHODS = [
  "GET",
  "GET",
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "OPTIONS",
  "CONNECT",
  "PATCH",
  "PRI",
  "get",
];
const PATHS = [
  ...["/", "/api/items/42", "/api/items/42?full=1", "/api/items/", "/api/users/7/orders", "/static/app.js"],
  ...[
    "/api//items",
    "/api/./items",
    "/api/%69tems",
    "/api/items;v=1",
    "/q?x=%20y",
    "/q?x=%2",
    "*",
    "http://a.test/api",
    "a.test:80",
  ],
];
const HOSTS = [
  "a.test",
  "a.test:80",
  "b.test:8080",
  "api.internal",
  "[::1]:80",
  "A.test",
  "a_b.test",
  "10.0.0.1:65535",
  "a.test:",
];
/** Bytes that parsers stumble over. */
const PIECES = [
  ...[
    "\r\n",
    "\r",
    "\n",
    " ",
    "\t",
    ":",
    ": ",
    "/",
    "//",
    "/.",
    "/..",
    "%",
    "%2e",
    "?",
    "#",
    ";",
    "\\",
    "\0",
    "\x7f",
    "\x80",
    "é",
    '"',
    "<",
  ],
  ...[
    "Host: b.test\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 05\r\n",
    "content-length:5\r\n",
    "Transfer-Encoding: chunked\r\n",
  ],
  ...[
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "X-Token: secret\r\n",
    "X-Token: secret \r\n",
    "X-Token:  secret\r\n",
    "X-Debug: 1\r\n",
  ],
  ...[
    " HTTP/1.1\r\n",
    "Keep-Alive: 5\r\n",
    "Upgrade: websocket\r\n",
    "Trailer: x\r\n",
    "Content_Length: 9\r\n",
    "A",
    "1",
  ],
];

interface Mutation {
  readonly at: number;
  readonly take: number;
  readonly piece: number;
  readonly how: "insert" | "replace" | "delete" | "copy" | "case" | "flip";
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  take: fc.nat({ max: 12 }),
  piece: fc.nat({ max: PIECES.length - 1 }),
  how: fc.constantFrom("insert", "insert", "replace", "delete", "copy", "case", "flip"),
});

function mutate(head: string, { at, take, piece, how }: Mutation): string {
  // Whole lines are more telling than places within them, so every other place is the start of a line.
  const lines = [...head.matchAll(/\r\n/g)].map(({ index }) => index + 2);
  const offset =
    take % 2 === 0 ? (lines[Math.floor(at * lines.length)] ?? 0) : Math.floor(at * (head.length + 1));
  const [before, chosen, after] = [
    head.slice(0, offset),
    head.slice(offset, offset + take),
    head.slice(offset + take),
  ];
  switch (how) {
    case "insert":
      return before + PIECES[piece] + chosen + after;
    case "replace":
      return before + PIECES[piece] + after;
    case "delete":
      return before + after;
    case "copy":
      return before + chosen + chosen + after;
    case "case":
      return before + (take % 3 === 0 ? chosen.toUpperCase() : chosen.toLowerCase()) + after;
    case "flip":
      return (
        before +
        String.fromCharCode(((head.charCodeAt(offset) || 0) ^ (1 << (take % 8))) & 0xff) +
        head.slice(offset + 1)
      );
  }
}

/** Raw request heads: of real clients, unchanged or with some mutations. */
export const rawHead: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...CLIENTS.slice(0, 5)) }, fc.constantFrom(...CLIENTS)),
    fc.constantFrom(...METHODS),
    fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...PATHS.slice(0, 6)) }, fc.constantFrom(...PATHS)),
    fc.oneof(fc.constantFrom(...HOSTS.slice(0, 4)), fc.constantFrom(...HOSTS)),
    fc.oneof(fc.constant([]), fc.array(mutation, { minLength: 1, maxLength: 3 })),
  )
  .map(([client, method, path, host, mutations]) =>
    Buffer.from(
      mutations.reduce(mutate, client.replace("%M", method).replace("%P", path).replace("%H", host)),
      "latin1",
    ),
  );

/** Decodes a head by the strict codec; `use` sees the request before it is reused. */
export function decode(raw: Uint8Array, use: (request: HttpRequest) => void): "request" | "fault" | "short" {
  let result: "request" | "fault" | "short" = "short";
  new RequestDecoder(DEFAULT_LIMITS).push(raw, {
    head: (request) => {
      if (result !== "short") return;
      result = "request";
      use(request);
    },
    body: () => undefined,
    end: () => undefined,
    fault: () => {
      if (result === "short") result = "fault";
    },
  });
  return result;
}
