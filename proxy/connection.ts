// SPDX-License-Identifier: Apache-2.0
import type { Socket } from "node:net";
import type { OutcomeName } from "../core/outcome.js";
import type { FieldSpans } from "../protocols/fields.js";
import type { Protocol, Request } from "../protocols/protocol.js";
import type { Link, Splice } from "../sockmap/engine.js";
import type { Noted } from "./audit-log.js";
import type { ProxyContext } from "./context.js";
import { Deadlines, type Awaited } from "./deadlines.js";
import { Hold, Leg, type LegEvents } from "./leg.js";
import { MessageRelay } from "./messages.js";
import { NOBODY, recordsOf, type Parties, type Terms } from "./parties.js";
import { OpaqueRelay, type Ends, type Relay } from "./relay.js";
import { revise } from "./revise.js";
import { connectTo, withReader } from "./sockets.js";
import { Splicing } from "./splicing.js";
import * as stack from "./stack.js";
import { tablesOf } from "./tables.js";

/**
 * States of a connection: `open`: bytes are relayed. `finishing`: the client gets what was written to it, then FIN; what
 * it still sends is read and forgotten, because closing with unread bytes would reset the answer away. `closed`: both
 * sockets are given up.
 */
export type ConnectionState = "open" | "finishing" | "closed";

/** How long a client may take to close after it got everything, as Envoy's delayed close. */
const LINGER_MS = 1000;
/** How long a service may take to end its side, where only that proves that all its answers are delivered. */
const BARRIER_MS = 5000;
/** How often a reader that leaves no room is looked at, whether it is still there. */
const ROOM_MS = 2000;

/** One client's connection and the connection to the service that serves it. */
export class Connection implements Ends, LegEvents {
  state: ConnectionState = "open";
  /** The client's side, set before the first layer sees the connection; the service's once something is to be sent. */
  readonly client: Leg;
  service: Leg | undefined;
  /** What the layers have found out, from top to bottom of the stack. */
  link: Link | undefined;
  parties: Parties = NOBODY;
  terms: Terms = { kind: "deny" };
  protocol: Protocol | undefined;
  route: OutcomeName = "off";
  /** What is shared with the kernel; undefined where it moves nothing past the sidecar. */
  splicing: Splicing | undefined;
  relay: Relay;
  /** The request that opened a tunnel through the protocol, while there is one. */
  tunnel: FieldSpans | undefined;
  /** What the last request that was let through counts as; of a connection without requests, the connection. */
  verdict: OutcomeName = "allowed";
  /** The last thing that went wrong, else `allowed`. */
  outcome: OutcomeName = "allowed";
  requests = 0;
  bytesFromClient = 0;
  bytesFromService = 0;
  /** Milliseconds of the clock when the client connected; 0 when the access log is off. */
  readonly started: number;
  /** The client's address and port, kept for the access log. */
  readonly remote: string;
  readonly deadlines: Deadlines;
  private records: readonly string[] | undefined;
  private kernelBytes = 0;
  private sockets = 1;

  private constructor(
    readonly context: ProxyContext,
    accepted: Socket,
    private readonly onClosed: (connection: Connection) => void,
  ) {
    this.client = new Leg(accepted, context.toClients, this);
    this.relay = new OpaqueRelay(this);
    this.deadlines = new Deadlines(context.wheel, context.limits.idleMs, (what) => this.passed(what));
    const logged = context.access !== undefined;
    this.started = logged ? context.clock.now() : 0;
    this.remote = logged ? `${accepted.remoteAddress ?? ""}:${accepted.remotePort ?? 0}` : "";
  }

  /**
   * Leads a client through the stack. Returns its connection, undefined when it has gone or was refused.
   * @param accepted a socket of a server with `pauseOnConnect`
   * @param onClosed called once both sockets are closed, for refused ones too
   */
  static accept(
    context: ProxyContext,
    accepted: Socket,
    onClosed: (connection: Connection) => void,
  ): Connection | undefined {
    const reader = (bytes: Buffer): void => connection.fromClient(bytes);
    const socket = withReader(accepted, reader);
    if (!socket) return undefined;
    context.connections++;
    const connection = new Connection(context, socket, onClosed);
    socket.setNoDelay(true);
    const outcome = stack.open(connection);
    if (outcome !== undefined) {
      connection.count(outcome);
      connection.abort();
      return undefined;
    }
    if (connection.protocol) connection.relay = new MessageRelay(connection, connection.protocol);
    return connection;
  }

  /** Connects to the service. */
  connect(): void {
    const { address, port } = this.parties;
    const socket = connectTo(
      address,
      port,
      () => stack.connecting(this),
      (bytes) => this.fromService(bytes),
    );
    this.sockets++;
    this.service = new Leg(socket, this.context.toServices, this);
    this.service.onSent = this.client.onSent;
    socket.once("connect", () => {
      this.deadlines.clear("connect");
      stack.connected(this);
    });
    this.deadlines.start("connect", this.context.limits.connectMs);
  }

  /** Lets the kernel take part. */
  splice(link: Splice): void {
    const splicing = new Splicing(link, () => this.relay);
    this.splicing = splicing;
    this.client.onSent = () => {
      if (splicing.unsettled) this.settle();
    };
    splicing.judge(tablesOf(this.terms, this.protocol?.name));
  }

  /** What was waited for may have come true in the kernel. */
  wake(): void {
    if (this.state === "closed") return;
    if (this.state === "open") this.relay.wake();
    this.settle();
    for (const leg of [this.client, this.service]) if (leg && !leg.full) this.drained(leg);
  }

  toClient(bytes: Uint8Array): void {
    this.client.append(bytes);
  }

  toService(bytes: Uint8Array): void {
    this.service?.append(bytes);
  }

  endClient(): void {
    this.client.finish();
  }

  endService(): void {
    this.service?.finish();
  }

  /** Has the service end its side, or `serviceStays` called. */
  awaitServiceEnd(): void {
    this.endService();
    if (!this.deadlines.awaits("barrier")) this.deadlines.start("barrier", BARRIER_MS);
  }

  finish(): void {
    if (this.state !== "open") return;
    this.state = "finishing";
    this.splicing?.stop();
    this.service?.flush();
    this.service?.socket.destroySoon();
    this.client.socket.once("finish", () => this.deadlines.start("linger", LINGER_MS));
    this.client.finish();
    this.client.release(Hold.backlog | Hold.pipelined);
  }

  abort(): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.client.abort();
    this.service?.abort();
  }

  count(outcome: OutcomeName): void {
    this.outcome = outcome;
    this.context.counters.count(outcome);
  }

  /** What policies want on its records; worked out for the access log only. */
  get policyLog(): readonly string[] {
    return (this.records ??= recordsOf(this.context.policy, this.parties));
  }

  /** Audit lets something through that policy denies: counts it, and tells. */
  audit(outcome: OutcomeName, request?: Request): void {
    const { context } = this;
    this.verdict = outcome;
    if (!request) this.outcome = outcome;
    context.audits.note("would be denied", () => ({ outcome, ...this.noted(request) }));
  }

  /** A rule wants it told that a header of a request differs. */
  noteMismatch(request: Request, header: string): void {
    this.context.audits.note("header differs", () => ({ header, ...this.noted(request) }));
  }

  private noted(request: Request | undefined): Noted {
    const { client, service, port } = this.parties;
    const text = request && this.protocol ? this.protocol.describe(request) : "";
    return { client, service, port, request: text };
  }

  /** A new policy is in force, or parties have other identities. */
  policyChanged(): void {
    if (this.state !== "open") return;
    this.records = undefined;
    revise(this);
  }

  /** Ends the connection as soon as nothing is under way. */
  drain(): void {
    this.splicing?.stop();
    if (this.state === "open" && this.relay.idle) this.finish();
  }

  drained(leg: Leg): void {
    this.deadlines.active();
    if (leg === this.client) this.service?.release(Hold.backlog);
    if (!this.client.full && !this.service?.full) this.client.release(Hold.backlog);
  }

  ended(leg: Leg): void {
    if (this.state !== "open") return;
    this.splicing?.take(leg === this.client ? "f" : "r");
    if (leg === this.client) this.relay.clientEnded();
    else this.relay.serviceEnded();
    this.settle();
  }

  failed(leg: Leg): void {
    if (this.state !== "open") return;
    if (leg === this.client) return this.abort();
    this.splicing?.take("r");
    this.relay.serviceFailed(
      this.deadlines.awaits("connect") ? "failed:upstream-connect" : "failed:upstream-reset",
    );
    this.settle();
  }

  closed(leg: Leg): void {
    // A client that closed in good order has let the service's side end too, if only after what is queued.
    if (leg === this.client && this.service && !this.service.finished) this.service.abort();
    if (--this.sockets > 0) return;
    this.state = "closed";
    this.deadlines.cancel();
    this.context.connections--;
    stack.closed(this);
    this.onClosed(this);
  }

  /** Time is up for something. Returns false when the connection needs no time any more. */
  private passed(what: Awaited): boolean {
    switch (what) {
      case "linger":
        this.client.socket.destroy();
        return false;
      case "room":
        this.forceDeserted();
        break;
      case "barrier":
        this.relay.serviceStays();
        this.settle();
        break;
      case "connect":
        this.service?.socket.destroy();
        this.relay.serviceFailed("failed:upstream-connect");
        this.settle();
        break;
      case "head":
        this.expire();
        break;
      case "idle":
        if (!this.movedByKernel()) this.expire();
    }
    return this.state !== "closed";
  }

  /** What the kernel moved past the sidecar is activity too. */
  private movedByKernel(): boolean {
    const moved = this.link?.state().kernelBytes ?? 0;
    if (moved === this.kernelBytes) return false;
    this.kernelBytes = moved;
    this.deadlines.active();
    return true;
  }

  private expire(): void {
    this.deadlines.clear("head");
    if (this.state !== "open") return this.client.abort();
    this.relay.timedOut();
    this.settle();
  }

  private fromClient(bytes: Buffer): void {
    this.deadlines.active();
    this.bytesFromClient += bytes.length;
    this.link?.readFromClient(bytes.length);
    this.client.readByTurns();
    if (this.state !== "open") return;
    this.splicing?.received("f", bytes.length);
    this.relay.fromClient(bytes);
    this.settle();
    if (this.client.full) this.client.hold(Hold.backlog);
    if (!this.relay.headPending) this.deadlines.clear("head");
    else if (!this.deadlines.awaits("head")) this.deadlines.start("head", this.context.limits.headMs);
  }

  private fromService(bytes: Buffer): void {
    this.deadlines.active();
    this.bytesFromService += bytes.length;
    this.link?.readFromService(bytes.length);
    this.service?.readByTurns();
    if (this.state !== "open") return;
    this.splicing?.received("r", bytes.length);
    this.relay.fromService(bytes);
    this.settle();
  }

  /** A reader that is gone makes no room and no event: it is looked for. */
  private watchRoom(): void {
    if (this.client.waits || this.service?.waits)
      if (!this.deadlines.awaits("room")) this.deadlines.start("room", ROOM_MS);
  }

  private forceDeserted(): void {
    for (const leg of [this.client, this.service]) {
      leg?.forceDeserted();
      if (leg && !leg.full) this.drained(leg);
    }
    this.watchRoom();
  }

  /** At the end of a turn: writes what was collected, and stops reading where it cannot be passed on. */
  private settle(): void {
    const { client, service } = this;
    service?.flush();
    client.flush();
    this.watchRoom();
    if (this.state !== "open") return;
    this.splicing?.settle(service?.clear ?? true, client.clear);
    if (client.full) service?.hold(Hold.backlog);
    if (service?.full) client.hold(Hold.backlog);
    if (this.relay.crowded) client.hold(Hold.pipelined);
    else client.release(Hold.pipelined);
  }
}
