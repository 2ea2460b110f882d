// SPDX-License-Identifier: Apache-2.0
import type { Socket } from "node:net";
import type { OutcomeName } from "../core/outcome.js";
import type { Link } from "../sockmap/engine.js";
import type { ProxyContext } from "./context.js";
import { Inspector, type Duct } from "./inspector.js";
import { termsOf, type L7RuleSet, type Parties, type Terms } from "./parties.js";
import { connectUpstream, descriptorOf } from "./upstream.js";
import { Writer } from "./writer.js";

/**
 * States of a connection: `open` both directions may flow; `finishing` the client gets what is written, then the end;
 * `closed` both sockets are given up.
 */
export type ConnectionState = "open" | "finishing" | "closed";

/** Seconds that a client gets to close after the last byte for it. */
const FINISHING_TICKS = 5;

/** One client connection and the one service connection that serves it. */
export class Connection implements Duct {
  state: ConnectionState = "open";
  /** Tick of the last byte or kernel-moved byte. */
  lastTick: number;
  private headTick = 0;
  private movedBytes = 0;
  private level: OutcomeName = "off";
  private service: Socket | undefined;
  private serviceOpen = false;
  private serviceEnded = false;
  private toServiceWriter: Writer | undefined;
  private readonly toClientWriter: Writer;
  private readonly inspector: Inspector | undefined;
  private revision: number;

  constructor(
    private readonly context: ProxyContext,
    private readonly client: Socket,
    readonly link: Link,
    readonly parties: Parties,
    private terms: Terms,
    private readonly onClosed: (connection: Connection) => void,
  ) {
    this.lastTick = context.tick;
    this.revision = context.policy.revision;
    this.toClientWriter = new Writer(client);
    if (terms.kind === "l7") {
      const protocol = context.protocols.get(terms.protocol);
      if (protocol) this.inspector = new Inspector(context, protocol, this);
    }
    client.on("data", (chunk) => this.fromClient(chunk));
    client.on("drain", () => this.clientDrained());
    client.on("end", () => this.clientEnded());
    client.on("error", () => this.abort());
    client.on("close", () => this.closeBoth());
    // Opaque protocols may let the service speak first.
    if (terms.kind === "allow") this.open();
  }

  /** True when no request is under way: drain may close it now. */
  get idle(): boolean {
    return this.inspector !== undefined && this.inspector.outstanding === 0;
  }

  /** How bytes travel on this connection. */
  get route(): OutcomeName {
    return this.level;
  }

  /** Once a second: timers of all connections in one sweep. */
  sweep(): void {
    // A client that has its answer and the end, and does not close, is not waited for.
    if (this.state === "finishing" && this.context.tick - this.lastTick > FINISHING_TICKS)
      return this.closeBoth();
    const { limits, tick } = { limits: this.context.limits, tick: this.context.tick };
    if (this.inspector?.headPending) {
      this.headTick ||= tick;
      if ((tick - this.headTick) * 1000 >= limits.headMs) return this.expire();
    } else this.headTick = 0;
    if (this.service && !this.serviceOpen && (tick - this.lastTick) * 1000 >= limits.connectMs)
      return this.failService("failed:upstream-connect");
    if ((tick - this.lastTick) * 1000 < limits.idleMs) return;
    const moved = this.link.state().kernelBytes;
    if (moved === this.movedBytes) return this.expire();
    this.movedBytes = moved;
    this.lastTick = tick;
  }

  /** A new policy is in force: ends the connection when nothing may pass any more, or when it can no longer be judged. */
  policyChanged(): void {
    if (this.state !== "open") return;
    if (this.inspector) {
      this.rules();
      if (this.terms.kind === "l7") return;
      if (this.terms.kind === "allow") return; // goes on being parsed; each request passes
    } else if (termsOf(this.context.policy, this.parties).kind === "allow") return;
    this.context.counters.count("denied:peer");
    this.abort();
  }

  rules(): readonly L7RuleSet[] | undefined {
    if (this.revision !== this.context.policy.revision) {
      this.revision = this.context.policy.revision;
      const terms = termsOf(this.context.policy, this.parties);
      // Another protocol cannot take over a connection that has begun.
      if (terms.kind === "l7" && this.terms.kind === "l7" && terms.protocol !== this.terms.protocol)
        this.terms = { kind: "deny" };
      else this.terms = terms;
    }
    if (this.terms.kind === "l7") return this.terms.sets;
    return this.terms.kind === "allow" ? [] : undefined;
  }

  toService(bytes: Uint8Array): void {
    if (!this.service) this.open();
    this.toServiceWriter?.add(bytes);
  }

  toClient(bytes: Uint8Array): void {
    this.toClientWriter.add(bytes);
  }

  finish(): void {
    if (this.state !== "open") return;
    this.state = "finishing";
    this.toClientWriter.flush();
    this.client.end();
    this.service?.destroy();
    // What the client still sends is read and forgotten, so that its kernel does not reset the answer away.
    this.client.resume();
  }

  abort(): void {
    if (this.state === "closed") return;
    this.client.resetAndDestroy();
    this.closeBoth();
  }

  record(request: string, status: number, outcome: OutcomeName, started: number): void {
    const { access, clock } = this.context;
    access?.({
      start_time: new Date(clock.wall() - (clock.now() - started)).toISOString(),
      request,
      protocol: this.terms.kind === "l7" ? this.terms.protocol : "tcp",
      response_code: status,
      duration: clock.now() - started,
      downstream_remote_address: `${this.client.remoteAddress ?? ""}:${this.client.remotePort ?? 0}`,
      upstream_host: `${this.parties.address}:${this.parties.port}`,
      source_identity: this.parties.client,
      destination_identity: this.parties.service,
      outcome,
      route: this.level,
    });
  }

  /** Ends an idle connection, or waits for its requests when there are some. */
  drain(): void {
    if (this.state === "open" && this.idle) this.finish();
    if (this.state === "finishing" && this.client.writableFinished) this.closeBoth();
  }

  private fromClient(chunk: Buffer): void {
    this.lastTick = this.context.tick;
    this.link.readFromClient(chunk.length);
    if (this.state !== "open") return;
    if (this.inspector) this.inspector.fromClient(chunk);
    else this.toService(chunk);
    this.flush();
  }

  private fromService(chunk: Buffer): void {
    this.lastTick = this.context.tick;
    this.link.readFromService(chunk.length);
    if (this.state !== "open") return;
    if (this.inspector) this.inspector.fromService(chunk);
    else this.toClient(chunk);
    this.flush();
  }

  private flush(): void {
    const { toClientWriter, toServiceWriter, client, service } = this;
    toServiceWriter?.flush();
    toClientWriter.flush();
    if (this.state !== "open") return;
    if (service && !toClientWriter.flowing && !service.isPaused()) service.pause();
    const crowded = (this.inspector?.outstanding ?? 0) >= this.context.limits.pipelined;
    if (toServiceWriter?.flowing === false || crowded) {
      if (!client.isPaused()) client.pause();
    } else if (client.isPaused()) client.resume();
  }

  private open(): void {
    const { parties } = this;
    const service = connectUpstream(parties.address, parties.port, this.link);
    this.service = service;
    const writer = new Writer(service);
    this.toServiceWriter = writer;
    service.on("connect", () => {
      this.serviceOpen = true;
      this.lastTick = this.context.tick;
      this.level = this.link.connected(descriptorOf(service));
    });
    service.on("data", (chunk) => this.fromService(chunk));
    service.on("drain", () => {
      writer.flowing = true;
      this.flush();
    });
    service.on("end", () => {
      this.serviceEnded = true;
      if (this.state !== "open") return;
      if (this.inspector) this.inspector.serviceEnded();
      else this.client.end();
      this.flush();
    });
    service.on("error", () =>
      this.failService(this.serviceOpen ? "failed:upstream-reset" : "failed:upstream-connect"),
    );
    service.on("close", () => {
      if (this.client.destroyed) this.closeBoth();
    });
  }

  private failService(outcome: OutcomeName): void {
    if (this.state !== "open") return;
    if (this.inspector && !this.serviceEnded) {
      this.inspector.serviceFailed(outcome);
      this.flush();
    } else {
      this.context.counters.count(outcome);
      this.abort();
    }
    this.service?.destroy();
  }

  private clientDrained(): void {
    this.toClientWriter.flowing = true;
    if (this.service?.isPaused()) this.service.resume();
  }

  private clientEnded(): void {
    if (this.state !== "open") {
      this.client.end();
      return;
    }
    this.inspector?.clientEnded();
    this.flush();
    if (this.state !== "open") return;
    if (this.service) this.service.end();
    else if (!this.inspector || this.inspector.outstanding === 0) this.finish();
    // An opaque service that has ended already leaves nothing to wait for.
    if (this.serviceEnded) this.finish();
  }

  private expire(): void {
    this.context.counters.count("failed:timeout");
    this.abort();
  }

  private closeBoth(): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.service?.destroy();
    this.client.destroy();
    this.link.close();
    this.onClosed(this);
  }
}
