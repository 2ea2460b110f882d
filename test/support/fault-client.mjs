// SPDX-License-Identifier: Apache-2.0
// A client that checks each answer of load-service.mjs. Usage: node fault-client.mjs MODE PORT MORE…
// Prints {"allowed","denied","wrong"} at the end.
import { connect } from "node:net";

const [mode, port, ...more] = process.argv.slice(2);
const [first, second] = more.map(Number);
const sum = { allowed: 0, denied: 0, wrong: [] };
let number = 0;

/** One connection: one request at a time. */
class Asker {
  constructor(localPort) {
    this.socket = connect({ port: Number(port), host: "127.0.0.1", localPort, noDelay: true });
    this.received = Buffer.alloc(0);
    this.socket.on("data", (bytes) => {
      this.received = Buffer.concat([this.received, bytes]);
      this.look();
    });
    this.socket.on("error", (error) => this.fail(error));
    this.socket.on("close", () => this.fail(new Error("closed")));
  }

  ask(path, headers = "") {
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
      this.socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`);
    });
  }

  look() {
    const head = this.received.indexOf("\r\n\r\n");
    if (head < 0) return;
    const text = this.received.toString("latin1", 0, head);
    const end = head + 4 + Number(/content-length: (\d+)/i.exec(text)?.[1]);
    if (this.received.length < end) return;
    const body = this.received.toString("latin1", head + 4, end);
    this.received = this.received.subarray(end);
    this.resolve({ status: Number(text.slice(9, 12)), body });
  }

  fail(error) {
    this.reject?.(error);
  }

  close() {
    this.reject = undefined;
    return new Promise((resolve) => this.socket.once("close", resolve).end());
  }
}

/** Asks for an item of its own. `may`: the statuses that are right. */
async function item(asker, { start = "n", bytes = 50, headers, may = [200] } = {}) {
  const name = `${start}${number++}x`;
  count(await asker.ask(`/items/${name}/${bytes}`, headers), name.repeat(bytes).slice(0, bytes), may);
}

async function secret(asker, may = [403]) {
  count(await asker.ask("/secret"), "secret", may);
}

function count({ status, body }, expected, may) {
  const text = status === 403 ? "Access denied\r\n" : expected;
  if (!may.includes(status) || body !== text) sum.wrong.push(`${status}: ${body.slice(0, 60)}`);
  else if (status === 403) sum.denied++;
  else sum.allowed++;
}

const MODES = {
  /** Connections that are all open together: so many requests on each, then one that is denied. */
  async hold(connections, requests) {
    const askers = Array.from({ length: connections }, () => new Asker());
    await Promise.all(
      askers.map(async (asker) => {
        for (let i = 0; i < requests; i++) await item(asker);
        await secret(asker);
      }),
    );
    await Promise.all(askers.map((asker) => asker.close()));
  },

  /** Connections one after the other, so many at a time. */
  async churn(connections, atOnce) {
    const one = async () => {
      while (connections-- > 0) {
        const asker = new Asker();
        await item(asker);
        await secret(asker);
        await asker.close();
      }
    };
    await Promise.all(Array.from({ length: atOnce }, one));
  },

  /** Stops reading when the answer has begun, until SIGUSR2. */
  async slow(bytes) {
    const waits = setInterval(() => {}, 1000); // a socket that is not read keeps no process
    const go = new Promise((resolve) => process.once("SIGUSR2", resolve));
    const asker = new Asker();
    const name = "slow";
    const answer = asker.ask(`/items/${name}/${bytes}`);
    asker.socket.once("data", () => {
      asker.socket.pause();
      console.error("begun");
    });
    await go;
    clearInterval(waits);
    asker.socket.resume();
    count(await answer, name.repeat(bytes / name.length + 1).slice(0, bytes), [200]);
    await asker.close();
  },

  /** From a port of its own; what policy denies may be allowed where none holds, as long as it is always the same. */
  async tuple(localPort, rounds) {
    const asker = new Asker(localPort);
    for (let i = 0; i < rounds; i++) {
      await item(asker);
      await secret(asker, [200, 403]);
    }
    await asker.close();
  },

  /** Two policies take turns: what neither of them allows never gets through. */
  async mixed(connections) {
    let stopping = false;
    process.once("SIGTERM", () => (stopping = true));
    const one = async () => {
      const asker = new Asker();
      while (!stopping)
        for (const start of ["a", "b"])
          for (const team of ["one", "two"]) {
            const may = (start === "a") === (team === "one") ? [200, 403] : [403];
            await item(asker, { start, headers: `X-Team: ${team}\r\n`, may });
          }
      await asker.close();
    };
    await Promise.all(Array.from({ length: connections }, one));
  },
};

await MODES[mode](first, second);
console.log(JSON.stringify(sum));
process.exit(0);
