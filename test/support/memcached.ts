// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { DEFAULT_LIMITS, type Limits } from "../../core/limits.js";
import { MemcachedField } from "../../protocols/fields.js";
import { HEADER } from "../../protocols/memcached/frames.js";
import { memcached } from "../../protocols/memcached/index.js";
import type { MemcachedRequest } from "../../protocols/memcached/request.js";
import type { MemcachedResponse } from "../../protocols/memcached/response.js";
import type { Denial, Sink } from "../../protocols/protocol.js";

/** Bytes from text; one character, one byte. */
export function latin(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** A binary request. */
export function frame(
  opcode: number,
  key: string,
  more: { extras?: number; value?: string; opaque?: number; body?: number; keyLength?: number } = {},
): Buffer {
  const { extras = 0, value = "", opaque = 0 } = more;
  const header = Buffer.alloc(HEADER + extras);
  header[0] = 0x80;
  header[1] = opcode;
  header.writeUInt16BE(more.keyLength ?? key.length, 2);
  header[4] = extras;
  header.writeUInt32BE(more.body ?? extras + key.length + value.length, 8);
  header.writeUInt32BE(opaque, 12);
  return Buffer.concat([header, latin(key + value)]);
}

/** What policy says of a command: its names and its keys. */
export type Verdict = (commands: readonly string[], keys: readonly string[]) => boolean;

/** Names and keys of a request, as text. */
export function spansOf(request: MemcachedRequest): { commands: string[]; keys: string[] } {
  const commands: string[] = [];
  const keys: string[] = [];
  for (let i = 0; i < request.fields.count; i++)
    (request.fields.kind[i] === MemcachedField.command ? commands : keys).push(request.fields.text(i));
  return { commands, keys };
}

type Waiting = number | Denial;

/**
 * Two decoders and the order of answers between them, without sockets: what a proxy has to do with a protocol, in its
 * shortest form.
 */
export class Pair {
  readonly toService: Buffer[] = [];
  readonly toClient: Buffer[] = [];
  fault = "";
  closed = false;
  refused = 0;
  private readonly waiting: Waiting[] = [];
  private discard = false;
  private replaced: Denial | undefined;
  private final = true;
  private readonly requests;
  private readonly responses;

  constructor(
    private readonly verdict: Verdict = () => true,
    limits: Limits = DEFAULT_LIMITS,
  ) {
    this.requests = memcached.requests(limits);
    this.responses = memcached.responses(limits, () => {
      const [front] = this.waiting;
      return typeof front === "object" ? front.barrier?.expectation : front;
    });
  }

  fromClient(bytes: Uint8Array): void {
    if (!this.closed) this.requests.push(bytes, this.requestSink);
  }

  fromService(bytes: Uint8Array): void {
    if (!this.closed) this.responses.push(bytes, this.responseSink);
  }

  private readonly requestSink: Sink<MemcachedRequest> = {
    head: (request) => {
      const { commands, keys } = spansOf(request);
      const denial =
        request.refusal ?? (this.verdict(commands, keys) ? undefined : memcached.deny(request, "policy"));
      this.discard = denial !== undefined;
      if (!denial) {
        if (request.answered) this.waiting.push(request.expectation);
        this.toService.push(Buffer.from(request.bytes));
        return;
      }
      this.refused++;
      if (denial.barrier) this.toService.push(Buffer.from(denial.barrier.bytes));
      if (denial.bytes.length > 0 || denial.close) this.waiting.push(denial);
      this.deliver();
    },
    body: (bytes) => {
      if (!this.discard) this.toService.push(Buffer.from(bytes));
    },
    end: () => {},
    fault: (fault) => {
      this.fault = fault.reason;
      this.waiting.push({ bytes: fault.reply, status: 0, close: true });
      this.deliver();
    },
  };

  private readonly responseSink: Sink<MemcachedResponse> = {
    head: (response) => {
      const [front] = this.waiting;
      this.final = response.final;
      this.replaced = response.final && typeof front === "object" ? front : undefined;
      if (!this.replaced) this.toClient.push(Buffer.from(response.bytes));
    },
    body: (bytes) => {
      if (!this.replaced) this.toClient.push(Buffer.from(bytes));
    },
    end: () => {
      if (this.replaced) this.toClient.push(Buffer.from(this.replaced.bytes));
      if (this.replaced?.close) this.closed = true;
      if (this.final) this.waiting.shift();
      this.deliver();
    },
    fault: (fault) => {
      if (this.closed) return;
      this.fault = fault.reason;
      this.closed = true;
    },
  };

  private deliver(): void {
    for (let [front] = this.waiting; typeof front === "object" && !front.barrier; [front] = this.waiting) {
      this.waiting.shift();
      this.toClient.push(Buffer.from(front.bytes));
      if (front.close) {
        this.closed = true;
        return;
      }
    }
  }

  /** Takes what is to be sent to the service. */
  takeToService(): Buffer {
    return Buffer.concat(this.toService.splice(0));
  }

  /** Takes what is to be sent to the client. */
  takeToClient(): Buffer {
    return Buffer.concat(this.toClient.splice(0));
  }
}

/** A real memcached on loopback. */
export class MemcachedServer {
  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {}

  /** Starts one on a port that was free a moment ago; tries again where somebody was faster. */
  static async start(...more: string[]): Promise<MemcachedServer> {
    for (let tries = 0; ; tries++) {
      const port = await freePort();
      const flags = ["-l", "127.0.0.1", "-p", String(port), "-U", "0", "-m", "64", "-t", "2", ...more];
      const child = spawn("memcached", process.getuid?.() === 0 ? ["-u", "nobody", ...flags] : flags, {
        stdio: "ignore",
      });
      for (const late = Date.now() + 10_000; Date.now() < late && child.exitCode === null;) {
        if (await answers(port)) return new MemcachedServer(child, port);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      child.kill();
      if (tries === 3) throw new Error("memcached does not start");
    }
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const ended = once(this.child, "exit");
    this.child.kill();
    await ended;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** A relay made of {@link Pair}s. */
export class PairRelay {
  readonly sockets = new Set<Socket>();
  readonly pairs: Pair[] = [];

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async start(servicePort: number, verdict: Verdict = () => true): Promise<PairRelay> {
    const server = createServer({ noDelay: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const relay = new PairRelay(server, (server.address() as AddressInfo).port);
    server.on("connection", (client: Socket) => relay.serve(client, servicePort, verdict));
    return relay;
  }

  private serve(client: Socket, servicePort: number, verdict: Verdict): void {
    const service = connect({ port: servicePort, host: "127.0.0.1", noDelay: true });
    const pair = new Pair(verdict);
    this.pairs.push(pair);
    const move = () => {
      const [up, down] = [pair.takeToService(), pair.takeToClient()];
      if (up.length > 0) service.write(up);
      if (down.length > 0) client.write(down);
      if (pair.closed) {
        client.end();
        service.destroy();
      }
    };
    client.on("data", (bytes: Buffer) => (pair.fromClient(bytes), move()));
    service.on("data", (bytes: Buffer) => (pair.fromService(bytes), move()));
    client.on("end", () => service.end());
    service.on("end", () => client.end());
    for (const socket of [client, service]) {
      this.sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.sockets.delete(socket);
        client.destroy();
        service.destroy();
      });
    }
  }

  async close(): Promise<void> {
    const closed = once(this.server, "close");
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}

/**
 * Sends bytes, waits for `end` to be received or the peer to close; returns all that came. `end` must be something that
 * only the last command can have for an answer: bytes come in pieces, and any piece may end like a common answer.
 */
export async function exchange(port: number, bytes: Buffer, end: string, chunk = 0): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let received = "";
  const done = new Promise<void>((resolve, reject) => {
    socket.on("data", (data: Buffer) => {
      received += data.toString("latin1");
      if (received.endsWith(end)) resolve();
    });
    socket.on("close", () => resolve());
    socket.on("error", () => resolve());
    socket.setTimeout(30_000, () =>
      reject(new Error(`waited in vain for ${end}; received ${JSON.stringify(received)}`)),
    );
  });
  try {
    if (chunk === 0) socket.write(bytes);
    else
      for (let at = 0; at < bytes.length; at += chunk) {
        socket.write(bytes.subarray(at, at + chunk));
        await new Promise((resolve) => setImmediate(resolve));
      }
    await done;
  } finally {
    socket.destroy();
  }
  return received;
}
