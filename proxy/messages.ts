// SPDX-License-Identifier: Apache-2.0
import type { OutcomeName } from "../core/outcome.js";
import type { FieldSpans } from "../protocols/fields.js";
import {
  Expected,
  type Decoder,
  type DenyReason,
  type Framing,
  type Protocol,
  type Request,
  type Response,
} from "../protocols/protocol.js";
import type { Direction } from "../sockmap/engine.js";
import type { Connection } from "./connection.js";
import { Exchanges } from "./exchanges.js";
import { accessEntry } from "./access-log.js";
import { OpaqueRelay, type Relay } from "./relay.js";
import { RequestSink } from "./requests.js";
import { ResponseSink } from "./responses.js";

const NOTHING = new Uint8Array(0);
const NO_ANSWER = { bytes: NOTHING, status: 0, close: true };

/** Inspects a connection message by message. Answers keep the order of their requests, whoever gives them. */
export class MessageRelay implements Relay {
  readonly exchanges = new Exchanges();
  private readonly requests: Decoder<Request>;
  private readonly responses: Decoder<Response>;
  private readonly requestSink: RequestSink;
  private readonly responseSink: ResponseSink;
  /** Requests that got their answers: a service may close a connection that it has served already. */
  private answeredBefore = false;
  readonly inspects = true;
  /** What the request for an upgrade says, for as long as what it opens may last. */
  asked: FieldSpans | undefined;
  /** Requests under way whose answers must come through the sidecar. */
  private watched = 0;
  /** The service was asked to end, because only its end proves that its answers are delivered. */
  private awaitsEnd = false;
  private ending = false;
  /** The service answers nothing any more. */
  private over = false;

  constructor(
    private readonly connection: Connection,
    readonly protocol: Protocol,
  ) {
    const { limits } = connection.context;
    this.requests = protocol.requests(limits);
    this.responses = protocol.responses(limits, () => {
      const { front } = this.exchanges;
      return front?.denial ? front.denial.barrier?.expectation : front?.expectation;
    });
    this.requestSink = new RequestSink(connection, this);
    this.responseSink = new ResponseSink(connection, this);
  }

  get crowded(): boolean {
    return this.exchanges.count >= this.connection.context.limits.pipelined;
  }

  get idle(): boolean {
    return this.exchanges.count === 0 && !this.requestSink.open;
  }

  get headPending(): boolean {
    const { deaf, open, upgrading } = this.requestSink;
    return !deaf && !open && !upgrading && this.requests.framing().at === "other";
  }

  /** Answers that nobody counts may be under way. */
  get loose(): boolean {
    return this.requestSink.loose;
  }

  /** A response is being sent to the client: cutting it short must be visible. */
  get responding(): boolean {
    return this.responseSink.open;
  }

  fromClient(bytes: Uint8Array): void {
    if (this.requestSink.deaf) return;
    this.requests.push(bytes, this.requestSink);
    this.deliver();
  }

  fromService(bytes: Uint8Array): void {
    this.deliver(); // these bytes may be the proof that an earlier answer of the sidecar's own waited for
    this.responses.push(bytes, this.responseSink);
    this.deliver();
  }

  clientEnded(): void {
    this.ending = true;
    this.connection.splicing?.holdResponses(); // the last answer ends the connection: it must be seen
    if (!this.requestSink.deaf) this.requests.finish(this.requestSink);
    this.requestSink.stop();
    this.connection.endService();
    this.deliver();
  }

  serviceEnded(): void {
    this.responseSink.ended = this.over = true;
    this.responses.finish(this.responseSink);
    this.deliver();
    if (this.connection.state !== "open") return;
    const { front } = this.exchanges;
    if (front && !front.denial) this.giveUp("unavailable", "failed:upstream-reset");
    else this.connection.finish();
  }

  serviceFailed(outcome: OutcomeName): void {
    this.giveUp("unavailable", outcome);
  }

  timedOut(): void {
    if (this.exchanges.count > 0) return this.giveUp("timeout", "failed:timeout");
    this.connection.count("failed:timeout");
    this.connection.finish();
  }

  /** The oldest request has its answer; `last` when the service says that no other follows. */
  answered(status: number, last: boolean): void {
    const { front } = this.exchanges;
    if (!front) return;
    const declined = front.upgrade;
    this.answeredBefore = true;
    this.connection.splicing?.forwarded("r");
    this.shift(status);
    if (last) return this.connection.finish();
    if (declined) {
      // The client stays in the protocol: what it sent behind the head are requests.
      this.requestSink.upgradeDeclined();
      this.requests.resume({ at: "between" });
      this.requests.push(NOTHING, this.requestSink);
    }
    // At once: the next response may be in the same chunk, and is the answer to a request behind these.
    this.deliver();
  }

  /** The service has answered the barrier of the oldest request: all that went before is answered, and its denial is due. */
  barrierPassed(): void {
    const { front } = this.exchanges;
    if (front?.denial) front.denial = { ...front.denial, barrier: undefined };
    this.deliver();
  }

  /** The service has agreed to leave the protocol, as a rule allows: bytes pass uninspected from here on. */
  enterTunnel(status: number): void {
    const { connection } = this;
    this.shift(status);
    connection.relay = new OpaqueRelay(connection);
    connection.tunnel = this.asked;
    // The policy may be another one than when it was asked for. Else this tells the kernel that nothing is inspected.
    connection.policyChanged();
    if (connection.state !== "open") return;
    this.responses.tunnel();
    this.requests.tunnel();
    this.requestSink.tunnel();
    this.requests.push(NOTHING, this.requestSink);
  }

  /** The connection to the service is of no more use: answers the oldest request where that is possible, and ends. */
  giveUp(reason: DenyReason, outcome: OutcomeName): void {
    if (this.connection.state !== "open") return;
    const { splicing } = this.connection;
    splicing?.holdResponses();
    const { front } = this.exchanges;
    this.over = true;
    this.connection.count(outcome);
    if (this.responding || (splicing && splicing.delivered() !== "yes")) return this.connection.abort();
    if (front && !front.denial) {
      front.outcome = outcome;
      // A service that closes a connection that it has served before is nothing unusual: the client sees the same, and
      // tries again where that is safe. An answer would keep it from doing so.
      const silent = outcome === "failed:upstream-reset" && this.answeredBefore;
      front.denial = silent ? NO_ANSWER : this.protocol.fail(front.expectation, reason);
    }
    if (front) this.deliver();
    this.connection.finish();
  }

  /** The sidecar will answer a request: no answer to a later one, which may be forwarded right now, must overtake it. */
  answering(): void {
    this.connection.splicing?.holdResponses();
  }

  /** A request that will be answered is about to be forwarded. */
  forwarding(request: Request): void {
    const { splicing } = this.connection;
    if (!splicing || !request.answered) return;
    splicing.forwarded("f");
    const { back } = this.exchanges;
    if (!back || request.expectation === Expected.ordinary) return;
    back.watched = true;
    this.watched++;
    splicing.holdResponses();
  }

  resume(direction: Direction, framing: Framing, moved: boolean): void {
    if (direction === "f") {
      this.requests.resume(framing, moved);
      this.requestSink.resume(framing.at !== "between");
    } else {
      this.responses.resume(framing, moved);
      this.responseSink.resume(framing.at !== "between");
    }
  }

  standing(direction: Direction): Framing | undefined {
    if (direction === "r") return this.responseSink.ending ? undefined : this.responses.framing();
    if (!this.requestSink.forwardsAll || this.exchanges.denies || this.ending) return undefined;
    const framing = this.requests.framing();
    return framing.at === "chunk" ? undefined : framing; // the kernel walks chunks of responses only
  }

  get needsResponses(): boolean {
    const { connection, exchanges } = this;
    return this.watched > 0 || this.ending || this.crowded || connection.context.draining || exchanges.denies;
  }

  requestMoved(expectation: number): void {
    this.exchanges.push(expectation, false).denial = undefined;
    this.connection.requests++;
  }

  responseMoved(): void {
    this.answeredBefore = true;
    this.exchanges.shift();
  }

  wake(): void {
    this.connection.splicing?.catchUp();
    this.deliver();
  }

  serviceStays(): void {
    this.connection.count("failed:timeout");
    if (this.exchanges.denies) this.connection.abort();
    else this.connection.finish();
  }

  /** True when an answer of the sidecar's own would follow all earlier ones; else it is told later, or the service ends. */
  private inOrder(): boolean {
    const { splicing } = this.connection;
    if (!splicing) return true;
    splicing.holdResponses();
    const { front } = this.exchanges;
    if (!front?.denial) return false; // the oldest one is the service's to answer
    if (this.delivered()) return true;
    if (this.awaitsEnd && !this.requestSink.deaf) {
      front.denial = this.protocol.fail(front.expectation, "policy");
      this.requestSink.stop();
    }
    return false;
  }

  /** True when all that the kernel moved is with the client. Where that cannot be told, the end of the service tells it. */
  private delivered(): boolean {
    const { splicing } = this.connection;
    const delivered = splicing && !this.responseSink.ended ? splicing.delivered() : "yes";
    if (delivered === "cannot tell" && !this.awaitsEnd) {
      this.awaitsEnd = true;
      this.connection.awaitServiceEnd();
    }
    return delivered === "yes";
  }

  /** Sends the sidecar's own answers whose turn it is; ends the connection when nothing is left to do. */
  private deliver(): void {
    const { connection, exchanges, requestSink } = this;
    for (let { front } = exchanges; front?.denial; { front } = exchanges) {
      if (front.denial.barrier && !this.over) return;
      if (!this.inOrder()) return;
      front = exchanges.front;
      if (!front?.denial) return;
      const { bytes, status, close } = front.denial;
      connection.toClient(bytes);
      front.sent += bytes.length;
      this.shift(status);
      if (close) return connection.finish();
    }
    if (!this.idle || !(requestSink.deaf || connection.context.draining) || !this.delivered()) return;
    // Answers that nobody counts may still come: only the service's end says that there is none.
    if (requestSink.loose && requestSink.deaf && !this.over) connection.awaitServiceEnd();
    else connection.finish();
  }

  private shift(status: number): void {
    const { exchanges, connection } = this;
    const { front } = exchanges;
    if (front?.watched) this.watched--;
    const { access } = connection.context;
    if (front && access) {
      const { text, outcome, started, received, sent } = front;
      access(accessEntry(connection, { request: text, status, outcome, started, received, sent }));
    }
    exchanges.shift();
  }
}
