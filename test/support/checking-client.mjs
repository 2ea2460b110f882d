// SPDX-License-Identifier: Apache-2.0
// Keeps connections busy with pipelined requests, allowed and denied, and checks every byte of every answer.
// Usage: node checking-client.mjs PORT CONNECTIONS
// Connections that end are not opened again. Prints one JSON line when all have ended, or after SIGTERM, which lets the
// requests under way be answered: {"right","denied","unavailable","unanswered","midway","wrong":[what came, ...]}
import { connect } from "node:net";

const [port, connections] = process.argv.slice(2).map(Number);
const PIPELINED = 4;
const SIZES = [1, 100, 3000, 70_000, 300_000];
const sum = { right: 0, denied: 0, unavailable: 0, unanswered: 0, midway: 0, wrong: [] };
let open = connections;
let stopping = false;
let number = 0;

/** Status and body of the answer at the beginning of some bytes; `end` is 0 when it is not all there. */
function parse(bytes) {
  const head = bytes.indexOf("\r\n\r\n");
  if (head < 0) return { end: 0 };
  const text = bytes.toString("latin1", 0, head);
  const end = head + 4 + Number(/content-length: (\d+)/i.exec(text)?.[1] ?? NaN);
  return {
    status: Number(text.slice(9, 12)),
    body: bytes.subarray(head + 4, end),
    end: bytes.length < end ? 0 : end,
  };
}

function run() {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const waiting = [];
  let received = Buffer.alloc(0);

  const ask = () => {
    while (waiting.length < PIPELINED && !stopping) {
      const name = `n${number++}x`;
      const bytes = SIZES[number % SIZES.length];
      const denied = number % 7 === 0;
      waiting.push({ denied, body: Buffer.alloc(bytes, name) });
      socket.write(`GET ${denied ? "/secret" : `/items/${name}/${bytes}`} HTTP/1.1\r\nHost: a\r\n\r\n`);
    }
    if (stopping && waiting.length === 0) socket.end();
  };
  const check = ({ status, body }) => {
    const { denied, body: expected } = waiting.shift() ?? {};
    if (denied && status === 403 && body.equals(Buffer.from("Access denied\r\n"))) sum.denied++;
    else if (denied === false && status === 200 && body.equals(expected)) sum.right++;
    else if (status === 503)
      sum.unavailable++; // for load or while draining, the same for all requests
    else sum.wrong.push(`${status} for ${denied}: ${body.toString("latin1", 0, 60)}`);
  };
  socket.on("connect", ask);
  socket.on("data", (bytes) => {
    received = Buffer.concat([received, bytes]);
    for (let answer = parse(received); answer.end > 0 || Number.isNaN(answer.end); answer = parse(received)) {
      check(answer);
      received = Number.isNaN(answer.end) ? Buffer.alloc(0) : received.subarray(answer.end);
    }
    ask();
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    sum.unanswered += waiting.length;
    if (received.length > 0) sum.midway++;
    if (--open === 0) end();
  });
  asks.push(ask);
}

function end() {
  console.log(JSON.stringify(sum));
  process.exit(0);
}

const asks = [];
process.once("SIGTERM", () => {
  stopping = true;
  for (const ask of asks) ask();
});
for (let i = 0; i < connections; i++) run();
