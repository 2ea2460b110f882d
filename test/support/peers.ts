// SPDX-License-Identifier: Apache-2.0
/** Scripted clients and services on loopback, and a sidecar between them. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Clock } from "../../core/clock.js";
import { DEFAULT_LIMITS, type Limits } from "../../core/limits.js";
import { silentLog, type Log } from "../../core/log.js";
import type { PolicyRevision, RuleSet } from "../../l7policy/policy.js";
import { HttpField } from "../../protocols/fields.js";
import { http1 } from "../../protocols/http1/index.js";
import type { AccessEntry } from "../../proxy/context.js";
import type { Identify } from "../../proxy/parties.js";
import { Sidecar } from "../../proxy/sidecar.js";
import { UserSpaceEngine } from "../../sockmap/userspace.js";

/** Time that passes when a test says so. */
export class FakeClock implements Clock {
  private time = 0;
  private readonly timers = new Set<{ at: number; action: () => void }>();

  now(): number {
    return this.time;
  }

  wall(): number {
    return this.time;
  }

  after(ms: number, action: () => void): () => void {
    const timer = { at: this.time + ms, action };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** Lets that many milliseconds pass, timer by timer. */
  advance(ms: number): void {
    const until = this.time + ms;
    for (;;) {
      const [next] = [...this.timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.timers.delete(next);
      this.time = next.at;
      next.action();
    }
    this.time = until;
  }
}

/** The real time. */
export const realClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, action) {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
};

/** A raw peer: keeps what it received, and can wait for it. */
export class Peer {
  received = Buffer.alloc(0);
  /** The other side has sent FIN. */
  ended = false;
  closed = false;
  /** Code of the error that closed it, e.g. `ECONNRESET`. */
  error: string | undefined;
  private readonly waiting = new Set<() => void>();

  constructor(readonly socket: Socket) {
    socket.on("data", (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    });
    socket.on("end", () => {
      this.ended = true;
      this.wake();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => (this.error = error.code));
    socket.on("close", () => {
      this.closed = true;
      this.wake();
    });
  }

  get text(): string {
    return this.received.toString("latin1");
  }

  /** Waits until a condition holds; fails with what is there when the connection closes first or 30 s pass. */
  async until(holds: (peer: this) => boolean, what = String(holds)): Promise<this> {
    const late = Date.now() + 30_000;
    while (!holds(this)) {
      const left = late - Date.now();
      if (this.closed || left <= 0)
        throw new Error(
          `${this.closed ? "closed" : "too late"} (${this.error}): ${what}\n${this.text.slice(-400)}`,
        );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.waiting.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return this;
  }

  private wake(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }

  /** Waits until a text has been received. */
  async expectText(text: string): Promise<this> {
    return this.until(({ text: all }) => all.includes(text), `received ${JSON.stringify(text)}`);
  }

  /** Waits until the connection is closed, in whichever way. */
  async close(): Promise<this> {
    while (!this.closed) await new Promise((resolve) => this.socket.once("close", resolve));
    return this;
  }
}

const clients = new Set<Socket>();

/** Closes all clients that are still open; for the end of a test. */
export function closeClients(): void {
  for (const socket of clients) socket.destroy();
}

/** Connects a raw client that half-closes only when told. */
export async function client(port: number, host = "127.0.0.1"): Promise<Peer> {
  const socket = connect({ port, host, allowHalfOpen: true, noDelay: true });
  clients.add(socket);
  socket.once("close", () => clients.delete(socket));
  const peer = new Peer(socket);
  await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
  return peer;
}

/** A service that records every byte it gets, over all connections. */
export class RecordingService {
  readonly peers: Peer[] = [];
  readonly server: Server;

  private constructor(onPeer: (peer: Peer) => void) {
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const peer = new Peer(socket);
      this.peers.push(peer);
      onPeer(peer);
    });
  }

  /** Listens on an ephemeral port of loopback. */
  static async start(onPeer: (peer: Peer) => void): Promise<RecordingService> {
    const service = new RecordingService(onPeer);
    service.server.listen(0, "127.0.0.1");
    await once(service.server, "listening");
    return service;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** All that was received, connection after connection. */
  get text(): string {
    return this.peers.map((peer) => peer.text).join("");
  }

  async stop(): Promise<void> {
    for (const peer of this.peers) peer.socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Rules by the beginning of the path; upgrades only below `/ok/upgrade`. */
export function pathRules(prefix: string, id = prefix): RuleSet {
  return {
    kind: "l7",
    protocol: "http",
    id,
    judge: (fields) => fields.text(fields.find(HttpField.path)).startsWith(prefix),
    judgeUpgrade: (fields) => fields.text(fields.find(HttpField.path)).startsWith("/ok/upgrade"),
  };
}

/** A revision with one rule set for all that services receive; clients may send anything. */
export function ingressPolicy(ingress: RuleSet, egress: RuleSet = { kind: "allow" }): PolicyRevision {
  return { revision: 1, ingress: () => ingress, egress: () => egress, restrictsEgress: () => false };
}

/** What a {@link startSidecar} needs. */
export interface SidecarTerms {
  readonly service: number;
  readonly policy?: PolicyRevision;
  readonly limits?: Partial<Limits>;
  readonly clock?: Clock;
  readonly access?: (entry: AccessEntry) => void;
  readonly host?: string;
  readonly identify?: Identify;
  readonly keepStreams?: boolean;
  readonly log?: Log;
}

/** A sidecar without BPF before a service on loopback: allows what is below `/ok` when nothing else is said. */
export async function startSidecar(terms: SidecarTerms): Promise<{ sidecar: Sidecar; port: number }> {
  const sidecar = new Sidecar({
    limits: { ...DEFAULT_LIMITS, ...terms.limits },
    clock: terms.clock ?? realClock,
    log: terms.log ?? silentLog,
    protocols: [http1],
    policy: terms.policy ?? ingressPolicy(pathRules("/ok")),
    identify:
      terms.identify ??
      (() => ({
        client: 1000,
        clientIsEndpoint: true,
        service: 1001,
        serviceIsEndpoint: true,
        address: terms.host ?? "127.0.0.1",
        port: terms.service,
      })),
    ...(terms.keepStreams !== undefined && { keepStreams: terms.keepStreams }),
    access: terms.access,
  });
  await sidecar.capture(() => new UserSpaceEngine("a test"));
  const { port } = await sidecar.listen({ address: terms.host ?? "127.0.0.1", port: 0 });
  return { sidecar, port };
}
