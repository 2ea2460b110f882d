// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import type { Random } from "../support/random.js";
import { rawHead } from "../support/heads.js";
import { CLIENT_HEADS } from "../vectors/client-heads.js";
import { REQUEST_VECTORS } from "../vectors/http1-requests.js";

/** Text of a message, one character a byte. */
export type Raw = string;

const METHODS = ["GET", "GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY"];
const ODD_METHODS = ["CONNECT", "PRI", "get", "G(T", "A".repeat(20), "A".repeat(21), ""];
const SEGMENTS = ["api", "items", "42", "7", "users", "orders", "static", "app.js", "public", "a..b", "..."];
const ODD_SEGMENTS = [
  "",
  ".",
  "..",
  "%69tems",
  "%2e",
  "%2f",
  "a;v=1",
  "..;x",
  "a\\b",
  "a#b",
  "é",
  "a b",
  "~u",
  "*",
];
const QUERIES = ["", "", "", "?full=1", "?a=b&c=/../d", "?x=%20", "?x=%2", "?//", "??", "?a=[b]", "?a#b"];
const HOSTS = ["a.test", "a.test:80", "b.test:8080", "api.internal", "A.Test", "10.0.0.1:65535", "[::1]:80"];
const ODD_HOSTS = ["a_b.test", "a.test:", "a.test:123456", "", "u@h", "a/b", "a.test ", "[::1", "h i", "h,i"];
/** Header lines of services and clients; rules ask for some of them. */
const LINES = [
  ...[
    "X-Token: secret",
    "x-token: secret",
    "X-Token: other",
    "X-Token: ",
    "X-Debug: ",
    "X-Debug: 1",
    "TE: trailers",
  ],
  ...["User-Agent: curl/8.5.0", "Accept: */*", "Accept-Encoding: gzip, deflate, br", "Cookie: a=b; c=d"],
  ...[
    "Connection: keep-alive",
    "Connection: Keep-Alive",
    "Content-Type: application/json",
    "Origin: http://a.test",
  ],
  ...[
    "Content-Length: 0",
    "Content-Length: 5",
    "content-length: 1234",
    "CONTENT-LENGTH: 16",
    "X-Api-Version: 2",
  ],
  ...[
    "X-Request-Id: 9",
    "X-Customer: 4711",
    "Authorization: Basic dXNlcjpwYXNz",
    'If-None-Match: "x"',
    "!#$%&'*+-.^_`|~: x",
  ],
];
const ODD_LINES = [
  ...[
    "Content-Length: 05",
    "Content-Length: +5",
    "Content-Length: 5, 5",
    "Content-Length:5",
    "Content-Length: 5 ",
  ],
  ...[
    "Content-Length: 999999999999999",
    "Content-Length: 1000000000000000",
    "Content-Length: -1",
    "Content_Length: 9",
  ],
  ...[
    "Transfer-Encoding: chunked",
    "transfer-encoding:chunked",
    "Transfer-Encoding : chunked",
    "Transfer_Encoding: chunked",
  ],
  ...[
    "Connection: close",
    "Connection: keep-alive, x-token",
    "Connection: upgrade",
    "Upgrade: websocket",
    "Expect: 100-continue",
  ],
  ...[
    "X-Token: secret ",
    "X-Token:  secret",
    "X-Token:\tsecret",
    "X-Token:secret",
    " X: folded",
    "X",
    ": x",
    "X\xe9: y",
    "X: \xe9",
  ],
  ...[
    "X: a\tb",
    "X: a\rb",
    "X: a\nb",
    "X: a\0b",
    "Host: b.test",
    "host: a.test",
    "HTTP2-Settings: AAM",
    "Trailer: x",
  ],
  ...[
    "Keep-Alive: 5",
    "Proxy-Connection: close",
    "X-Tokens: secret",
    "X-Toke: secret",
    "Content-Lengt: 5",
    "Hosts: b",
    "Connections: x",
  ],
];
/** Bytes that parsers stumble over. */
const PIECES = [
  ...'\r\n \t:/.%?#;\\\0\x7f\x80\xff"<>,=@[]{}|^`~*0123456789AZaz'.split(""),
  ...[
    "\r\n",
    "\r\n\r\n",
    "\n\n",
    ": ",
    "//",
    "/.",
    "/../",
    "/./",
    "%2e",
    "%2F",
    "%00",
    " HTTP/1.1",
    " HTTP/1.0\r\n",
    "chunked",
    "close",
  ],
];

const CLIENTS = CLIENT_HEADS.map(({ raw }) => raw);
const HOSTILE = REQUEST_VECTORS.map(({ raw }) => raw);

/** Makes request heads: as real clients send them, hostile ones, and made-up ones, mutated more or less. */
export class HeadSource {
  private readonly structured: readonly Raw[];
  private readonly letters: string;

  constructor(private readonly random: Random) {
    this.structured = fc
      .sample(rawHead, { seed: random.seed, numRuns: 5000 })
      .map((head) => head.toString("latin1"));
    const letter = (): string => String.fromCharCode(0x61 + random.below(26));
    this.letters = Array.from({ length: 4096 }, letter).join("");
  }

  /** One head; never empty. */
  next(): Raw {
    const { random } = this;
    const kind = random.below(100);
    if (kind < 35) return this.mutated(this.addressed(random.of(CLIENTS)), 2);
    if (kind < 42) return this.mutated(random.of(HOSTILE), 1);
    if (kind < 50) return random.of(this.structured);
    if (kind < 52) return this.long();
    if (kind < 54) return this.crossed();
    return this.mutated(this.made(), 2);
  }

  private target(): string {
    const { random } = this;
    let path = "";
    for (let i = random.below(4); i >= 0; i--)
      path += `/${random.of(random.once(40) ? ODD_SEGMENTS : SEGMENTS)}`;
    if (random.once(8)) path += "/";
    return (random.once(12) ? "/" : path) + random.of(QUERIES);
  }

  private host(): string {
    return this.random.of(this.random.once(30) ? ODD_HOSTS : HOSTS);
  }

  private method(): string {
    return this.random.of(this.random.once(30) ? ODD_METHODS : METHODS);
  }

  /** A recorded head, as often as not with another method, target and host. */
  private addressed(raw: Raw): Raw {
    const { random } = this;
    let head = raw;
    if (random.once(2)) {
      const end = raw.indexOf("\r\n");
      const [method = "", , version = ""] = raw.slice(0, end).split(" ");
      head = `${random.once(3) ? this.method() : method} ${this.target()} ${version}${raw.slice(end)}`;
    }
    if (random.once(2)) head = head.replace("a.test:8080", this.host());
    if (random.once(4)) head = insertLine(head, this.line(), random);
    return head;
  }

  private line(): string {
    const { random } = this;
    if (random.once(20)) return random.of(ODD_LINES);
    if (random.once(6)) return `${this.word(30)}: ${this.word(60)}`;
    return random.of(LINES);
  }

  /** Up to so many letters. */
  private word(most: number): string {
    const at = this.random.below(this.letters.length - most);
    return this.letters.slice(at, at + 1 + this.random.below(most));
  }

  private made(): Raw {
    const { random } = this;
    const version = random.once(40) ? random.of(["1.0", "1.2", "2.0", "1.1 ", "11"]) : "1.1";
    const lines = random.once(30) ? [] : [`${random.of(["Host", "host", "HOST", "hOst"])}: ${this.host()}`];
    for (let i = random.below(7); i > 0; i--) lines.splice(random.below(lines.length + 1), 0, this.line());
    const head = `${this.method()} ${this.target()} HTTP/${version}\r\n`;
    return `${head}${lines.map((line) => `${line}\r\n`).join("")}\r\n`;
  }

  /** Heads about as long, and of as many lines, as are judged at all. */
  private long(): Raw {
    const { random } = this;
    let head = `GET ${this.target()} HTTP/1.1\r\nHost: ${this.host()}\r\n`;
    if (random.once(2)) {
      const lines = random.of([90, 98, 99, 100, 101, 120, 300, 700]) + random.below(3);
      const line = random.of(["a: b", "X-Token: secret", "X-Debug: ", "b: "]);
      for (let i = 0; i < lines; i++) head += `${line}\r\n`;
      return `${head.slice(0, 7000)}\r\n`;
    }
    const length = random.of([1000, 3900, 4080, 4096, 4100, 4224, 5000, 7000]) + random.below(40) - 20;
    const filler = this.word(50);
    while (head.length < length - 20)
      head += `X-${this.word(8)}: ${filler.repeat(random.below(12)).slice(0, length - head.length)}\r\n`;
    return `${head}\r\n`;
  }

  /** The beginning of one head and the end of another. */
  private crossed(): Raw {
    const { random } = this;
    const [one, other] = [this.addressed(random.of(CLIENTS)), this.made()];
    return one.slice(0, 1 + random.below(one.length)) + other.slice(random.below(other.length));
  }

  private mutated(raw: Raw, most: number): Raw {
    let head = raw;
    if (!this.random.once(2))
      for (let i = this.random.below(most + 1); i > 0; i--) head = mutate(head, this.random);
    return head || "\r";
  }
}

function insertLine(head: Raw, line: string, random: Random): Raw {
  const at = lineStart(head, random);
  return `${head.slice(0, at)}${line}\r\n${head.slice(at)}`;
}

/** Offset of some header line, or behind the last one. */
function lineStart(head: Raw, random: Random): number {
  const from = head.indexOf("\r\n", random.below(head.length));
  return from < 0 ? head.length : from + 2;
}

/** A message with one fault, or none. */
export function mutate(head: Raw, random: Random): Raw {
  const at = random.once(2) ? lineStart(head, random) : random.below(head.length + 1);
  const take = random.below(random.once(4) ? 40 : 4);
  const [before, chosen, after] = [head.slice(0, at), head.slice(at, at + take), head.slice(at + take)];
  switch (random.below(9)) {
    case 0:
      return before + random.of(PIECES) + chosen + after;
    case 1:
      return before + random.of(PIECES) + after;
    case 2:
      return before + after;
    case 3:
      return before + chosen + chosen + after;
    case 4:
      return before + (random.once(2) ? chosen.toUpperCase() : chosen.toLowerCase()) + after;
    case 5: {
      const byte = (head.charCodeAt(at) || 0) ^ (1 << random.below(8));
      return before + String.fromCharCode(byte) + head.slice(at + 1);
    }
    case 6:
      return insertLine(head, random.of(random.once(2) ? ODD_LINES : LINES), random);
    case 7:
      return head.slice(0, random.once(8) ? at : head.length);
    default: {
      // A line moves, or is there twice.
      const start = lineStart(head, random);
      const end = head.indexOf("\r\n", start);
      if (end < 0) return head;
      const line = head.slice(start, end);
      return insertLine(random.once(2) ? head : head.slice(0, start) + head.slice(end + 2), line, random);
    }
  }
}
