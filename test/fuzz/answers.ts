// SPDX-License-Identifier: Apache-2.0
import type { Random } from "../support/random.js";
import { SERVER_ANSWERS } from "../vectors/server-answers.js";
import { mutate, type Raw } from "./heads.js";

const STATUSES = [
  "200 OK",
  "200 OK",
  "200 OK",
  "204 No Content",
  "304 Not Modified",
  "404 Not Found",
  "206 x",
];
const ODD_STATUSES = [
  "100 Continue",
  "101 Switching Protocols",
  "199 x",
  "600 x",
  "200",
  "200 ",
  "2000 OK",
  "299 é",
];
const LINES = [
  ...["Server: nginx/1.24.0", "Date: Thu, 01 Jan 1970 00:00:00 GMT", "Content-Type: text/html", 'ETag: "x"'],
  ...["Connection: keep-alive", "Set-Cookie: a=b; Path=/", "X: a\tb", "Vary: *", "X-Empty: ", "Trailer: x"],
];
const ODD_LINES = [
  ...[
    "Connection: close",
    "Connection: upgrade",
    "Content-Length: 3",
    "Content-Length: +3",
    "Content-Length: 3, 3",
  ],
  ...[
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding:chunked",
    "transfer-encoding: Chunked",
    "Content_Length: 1",
  ],
  ...[
    "Content-Length: 1000000000000000",
    "X:",
    "X : y",
    " folded",
    "X\xe9: y",
    "Upgrade: h2c",
    "Keep-Alive: timeout=5",
  ],
];
const ODD_SIZES = [
  "0000000a",
  "00000000a",
  "a;x=y",
  "a ",
  "-a",
  "0xa",
  "",
  "fffffff",
  "ffffffff",
  "100000000",
  "g",
];
const ODD_ENDS = [
  "0\r\nX-Sum: 1\r\n\r\n",
  "0\r\n",
  "0\r\n\r",
  "00\r\n\r\n",
  "0;x\r\n\r\n",
  "0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
  "",
];
/** So far may a place be from the end of a head, a size line or a chunk, where it pays to cut. */
const NEAR = 3;

/** A response in the pieces in which a service sends it. */
export interface Answer {
  readonly pieces: readonly Buffer[];
  /** The request was HEAD. */
  readonly toHead: boolean;
}

/** Makes responses: as real servers send them and made-up ones, with faults or without, in one send or in several. */
export class AnswerSource {
  constructor(private readonly random: Random) {}

  /** One response; no piece is empty or longer than `most`. */
  next(most: number): Answer {
    const { random } = this;
    const cuts: number[] = [];
    let raw = random.once(4) ? random.of(SERVER_ANSWERS).raw : this.made(cuts);
    cuts.push(raw.indexOf("\r\n\r\n") + 4);
    if (random.once(4)) raw = mutate(raw, random) || "\r";
    const bytes = Buffer.from(raw, "latin1");
    const places = new Set<number>();
    for (let i = random.once(3) ? 0 : random.below(5); i > 0; i--) {
      const near = random.of(cuts) + (random.once(2) ? 0 : random.below(2 * NEAR + 1) - NEAR);
      places.add(random.once(4) ? random.below(bytes.length) : near);
    }
    const at = [...places].filter((place) => place > 0 && place < bytes.length).sort((a, b) => a - b);
    const pieces: Buffer[] = [];
    let from = 0;
    for (const to of [...at, bytes.length]) {
      for (; to - from > most; from += most) pieces.push(bytes.subarray(from, from + most));
      pieces.push(bytes.subarray(from, to));
      from = to;
    }
    return { pieces, toHead: random.once(12) };
  }

  private made(cuts: number[]): Raw {
    const { random } = this;
    const lines: string[] = [];
    for (let i = random.once(30) ? 90 + random.below(30) : random.below(5); i > 0; i--)
      lines.push(random.of(random.once(25) ? ODD_LINES : LINES));
    let body = "";
    const framing = random.below(20);
    if (framing < 9) {
      const length = random.of([0, 1, 5, 100, 1000, 20_000, 123_456_789_012]);
      lines.splice(random.below(lines.length + 1), 0, `Content-Length: ${length}`);
      body = filler(random.once(6) ? length + random.below(20) - 10 : length);
    } else if (framing < 19) {
      lines.splice(random.below(lines.length + 1), 0, "Transfer-Encoding: chunked");
      body = this.chunks(cuts);
    } else body = filler(random.below(50));
    const status = random.of(random.once(25) ? ODD_STATUSES : STATUSES);
    const version = random.once(40) ? random.of(["1.0", "1.1 ", "2"]) : "1.1";
    const head = `HTTP/${version} ${status}\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;
    cuts.forEach((cut, i) => (cuts[i] = head.length + cut));
    return head + body;
  }

  private chunks(cuts: number[]): Raw {
    const { random } = this;
    let body = "";
    for (let i = random.once(8) ? 8 + random.below(6) : random.below(5); i > 0; i--) {
      const length = 1 + random.below(random.of([3, 20, 300, 3000]));
      let size = length.toString(16);
      if (random.once(3)) size = size.toUpperCase();
      if (random.once(30)) size = random.of(ODD_SIZES);
      body += `${size}\r\n`;
      cuts.push(body.length);
      body += filler(length);
      cuts.push(body.length);
      body += random.once(40) ? random.of(["", "\n", "\r", "xx", "\n\r"]) : "\r\n";
      cuts.push(body.length);
    }
    return body + (random.once(12) ? random.of(ODD_ENDS) : "0\r\n\r\n");
  }
}

/** Body bytes among which are some that would end a chunk or begin one. */
function filler(length: number): string {
  return length <= 0 ? "" : FILL.slice(0, Math.min(length, FILL.length));
}

const FILL = "a\r\n5\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n".repeat(900);
