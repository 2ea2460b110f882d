// SPDX-License-Identifier: Apache-2.0
import type { OutcomeName } from "../core/outcome.js";
import type { Denial, Fault, Request, Sink } from "../protocols/protocol.js";
import { forwardedHead } from "./changes.js";
import type { Connection } from "./connection.js";
import type { Exchange } from "./exchanges.js";
import type { MessageRelay } from "./messages.js";
import { request as judge } from "./stack.js";

const NOTHING = new Uint8Array(0);

/** What a client's requests come to: each head is judged before any byte of it is forwarded. */
export class RequestSink implements Sink<Request> {
  /** Nothing more is taken from the client; what still comes is forgotten. */
  deaf = false;
  /** A request's head has passed, its end is to come. */
  open = false;
  /** Answers that nobody counts may be under way: a request that may be answered was forwarded behind the last counted one. */
  loose = false;
  /** An upgrade awaits its answer: what follows it is held by the decoder. */
  upgrading = false;
  private forwarding = false;
  private last = false;
  /** The exchange of the request that is open, while it is not answered; for cutting it short and for the log. */
  private current: Exchange | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly relay: MessageRelay,
  ) {}

  head(request: Request): void {
    if (this.deaf) return;
    const { connection, relay } = this;
    this.open = true;
    this.last = request.last;
    if (request.refusal) return this.refuse(request, "denied:malformed", request.refusal);
    const refusal = judge(connection, request);
    if (refusal) return this.refuse(request, refusal.outcome, relay.protocol.deny(request, refusal.reason));
    this.forwarding = true;
    connection.context.groups.count(relay.protocol, request, connection.verdict);
    if (request.answered) this.loose = false;
    else if (request.mayAnswer) this.loose = true;
    this.upgrading = request.upgrade;
    if (request.upgrade) relay.asked = request.fields.copy();
    const exchange = this.exchange(request, undefined);
    if (exchange) exchange.outcome = connection.verdict;
    relay.forwarding(request);
    connection.requests++;
    connection.toService(forwardedHead(connection, request));
  }

  /** Answers a request in the service's place; the connection goes on. */
  private refuse(request: Request, outcome: OutcomeName, denial: Denial): void {
    const { connection, relay } = this;
    connection.context.counters.count(outcome);
    connection.context.groups.count(relay.protocol, request, outcome);
    relay.answering();
    this.forwarding = false;
    const exchange = this.exchange(request, this.placed(denial));
    if (exchange) exchange.outcome = outcome;
    if (denial.close || connection.context.draining) this.stop();
  }

  /** A denial as it is to be queued: where uncounted answers may come before it, the barrier is sent that shows its place. */
  private placed(denial: Denial): Denial {
    if (!denial.barrier) return denial;
    if (!this.loose) return { ...denial, barrier: undefined };
    this.loose = false;
    this.connection.toService(denial.barrier.bytes);
    return denial;
  }

  body(bytes: Uint8Array): void {
    if (!this.forwarding) return;
    if (this.current) this.current.received += bytes.length;
    this.connection.toService(bytes);
  }

  end(): void {
    this.open = false;
    this.forwarding = false;
    this.current = undefined;
    if (this.last && !this.upgrading) this.stop();
  }

  fault(fault: Fault): void {
    if (this.deaf) return;
    const outcome = fault.limit ? "denied:limit" : "denied:malformed";
    const { connection, relay } = this;
    connection.count(outcome);
    const { exchanges } = relay;
    const cut = this.open && this.forwarding;
    const waiting = cut && this.current !== undefined && this.current === exchanges.back;
    relay.answering();
    this.stop();
    if (waiting && exchanges.count === 1 && relay.responding) return connection.abort();
    // A request that was cut short is never answered by the service: the reply stands in its place.
    const exchange = waiting ? exchanges.back : exchanges.push(0, false);
    if (!exchange) return;
    const bytes = cut && !waiting ? NOTHING : fault.reply;
    exchange.denial = this.placed({
      bytes,
      status: 0,
      close: true,
      barrier: cut ? undefined : fault.barrier,
    });
    exchange.outcome = outcome;
    if (!waiting) this.note(exchange, fault.reason);
  }

  /** All that is under way goes to the service: nothing is being discarded, held or waited for, nor the last of all. */
  get forwardsAll(): boolean {
    return !this.deaf && !this.upgrading && (!this.open || (this.forwarding && !this.last));
  }

  /** Goes on after the kernel has moved messages; `within`: in the middle of the body of one that is allowed. */
  resume(within: boolean): void {
    if (this.deaf) return;
    this.open = within;
    this.forwarding = within;
    this.last = false;
    this.current = undefined;
  }

  /** Takes nothing more from the client. */
  stop(): void {
    this.deaf = true;
    this.open = false;
    this.forwarding = false;
    this.current = undefined;
  }

  /** The service has agreed to an upgrade: all that the client sends goes to it. */
  tunnel(): void {
    this.deaf = false;
    this.forwarding = true;
  }

  /** The service has answered an upgrade otherwise. */
  upgradeDeclined(): void {
    this.upgrading = false;
    if (this.last) this.stop();
  }

  private exchange(request: Request, denial: Denial | undefined): Exchange | undefined {
    if (!request.answered && !denial?.bytes.length && !denial?.close) return undefined;
    const exchange = this.relay.exchanges.push(request.expectation, request.upgrade);
    exchange.denial = denial;
    this.current = exchange;
    if (this.connection.context.access) this.note(exchange, this.relay.protocol.describe(request));
    exchange.received = request.bytes.length;
    return exchange;
  }

  private note(exchange: Exchange, text: string): void {
    exchange.text = text;
    exchange.started = this.connection.context.clock.now();
  }
}
