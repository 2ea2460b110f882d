// SPDX-License-Identifier: Apache-2.0
import type { OutcomeName } from "../core/outcome.js";
import type { FieldSpans } from "../protocols/fields.js";
import type { Decoder, Denial, Fault, Protocol, Request, Response, Sink } from "../protocols/protocol.js";
import type { ProxyContext } from "./context.js";
import { Exchanges } from "./exchanges.js";
import type { L7RuleSet } from "./parties.js";

/** What an inspector does to its connection. */
export interface Duct {
  /** The rule sets in force, looked up anew when policy changed; undefined when nothing may pass any more. */
  rules(): readonly L7RuleSet[] | undefined;
  toService(bytes: Uint8Array): void;
  toClient(bytes: Uint8Array): void;
  /** Sends what is written to the client, then closes both sides. */
  finish(): void;
  /** Ends both sides at once, so that a cut message is seen as cut. */
  abort(): void;
  /** An exchange has ended. */
  record(request: string, status: number, outcome: OutcomeName, started: number): void;
}

const NOTHING = new Uint8Array(0);

/**
 * Judges one connection's requests and keeps their answers in order. A refused request's bytes go nowhere; its answer
 * waits for those of earlier requests.
 */
export class Inspector {
  /** A message of the client is under way: its head passed, its end is to come. */
  private requestOpen = false;
  private responseOpen = false;
  private discarding = false;
  /** Nothing more is read from the client. */
  private deaf = false;
  private tunnelled = false;
  private finished = false;
  private status = 0;
  private final = true;
  private lastResponse = false;
  private lastRequest = false;
  private readonly exchanges = new Exchanges();
  private readonly started: number[] = [];
  private readonly described: string[] = [];
  private readonly requests: Decoder<Request>;
  private readonly responses: Decoder<Response>;
  private readonly requestSink: Sink<Request>;
  private readonly responseSink: Sink<Response>;

  constructor(
    private readonly context: ProxyContext,
    private readonly protocol: Protocol,
    private readonly duct: Duct,
  ) {
    this.requests = protocol.requests(context.limits);
    this.responses = protocol.responses(context.limits, () => {
      const { front } = this.exchanges;
      return typeof front === "number" ? front : undefined;
    });
    this.requestSink = {
      head: (request) => this.onRequest(request),
      body: (bytes) => {
        if (!this.discarding) this.duct.toService(bytes);
      },
      end: () => this.onRequestEnd(),
      fault: (fault) => this.onClientFault(fault),
    };
    this.responseSink = {
      head: (response) => this.onResponse(response),
      body: (bytes) => this.duct.toClient(bytes),
      end: () => this.onResponseEnd(),
      fault: (fault) => this.onServiceFault(fault),
    };
  }

  /** Requests that wait for their answers. */
  get outstanding(): number {
    return this.exchanges.length;
  }

  /** True while half a head of a request is held: the time to complete it is bounded. */
  get headPending(): boolean {
    return !this.deaf && !this.requestOpen && !this.tunnelled && this.requests.framing().at === "other";
  }

  fromClient(chunk: Uint8Array): void {
    if (!this.deaf) this.requests.push(chunk, this.requestSink);
  }

  fromService(chunk: Uint8Array): void {
    if (!this.finished) this.responses.push(chunk, this.responseSink);
  }

  /** The client sends no more. */
  clientEnded(): void {
    if (this.deaf) return;
    this.requests.finish(this.requestSink);
    this.deaf = true;
  }

  /** The service sends no more. */
  serviceEnded(): void {
    if (this.finished) return;
    this.responses.finish(this.responseSink);
    if (this.finished) return;
    if (typeof this.exchanges.front === "number" && !this.tunnelled)
      this.giveUp("unavailable", "failed:upstream-reset");
    else this.close();
  }

  /** The service cannot be reached, or broke off. */
  serviceFailed(outcome: OutcomeName): void {
    if (this.finished) return;
    if (this.responseOpen || this.tunnelled) {
      this.context.counters.count("failed:upstream-reset");
      this.finished = true;
      this.duct.abort();
    } else this.giveUp("unavailable", outcome);
  }

  private onRequest(request: Request): void {
    this.requestOpen = true;
    this.lastRequest = request.last;
    const rules = this.duct.rules();
    let allowed = rules !== undefined;
    if (rules) for (const set of rules) allowed &&= set.judge(request.fields);
    if (allowed && rules && request.upgrade && !namedByAll(rules, request.fields)) {
      this.refuse(request, "upgrade", "denied:upgrade");
      return;
    }
    if (!allowed) {
      this.refuse(request, "policy", "denied:policy");
      return;
    }
    this.context.counters.count("allowed");
    this.discarding = false;
    if (request.answered) this.enqueue(request, request.expectation);
    this.duct.toService(request.bytes);
  }

  private refuse(request: Request, reason: "policy" | "upgrade", outcome: OutcomeName): void {
    this.context.counters.count(outcome);
    this.discarding = true;
    const denial = this.protocol.deny(request, reason);
    this.deaf ||= denial.close;
    if (request.answered || denial.bytes.length > 0) this.enqueue(request, denial);
    this.deliverDenials();
  }

  private enqueue(request: Request, exchange: number | Denial): void {
    this.exchanges.push(exchange);
    if (this.context.access) {
      this.started.push(this.context.clock.now());
      this.described.push(this.protocol.describe(request));
    }
  }

  private onRequestEnd(): void {
    this.requestOpen = false;
    this.discarding = false;
    this.deaf ||= this.lastRequest;
  }

  private onClientFault(fault: Fault): void {
    this.context.counters.count(fault.limit ? "denied:limit" : "denied:malformed");
    this.deaf = true;
    // A request that was cut short will never be answered in full: what waits is given up with it.
    if (this.requestOpen && !this.discarding) {
      this.finished = true;
      this.duct.abort();
      return;
    }
    this.exchanges.push({ bytes: fault.reply, status: 400, close: true });
    if (this.context.access) {
      this.started.push(this.context.clock.now());
      this.described.push(fault.reason);
    }
    this.deliverDenials();
  }

  private onResponse(response: Response): void {
    this.responseOpen = true;
    this.status = response.status;
    this.final = response.final;
    this.lastResponse = response.last;
    this.duct.toClient(response.bytes);
    if (response.tunnel) {
      this.tunnelled = true;
      this.responseOpen = false;
      this.endExchange("allowed");
      this.requests.tunnel();
      this.responses.tunnel();
      this.requests.push(NOTHING, this.requestSink);
    }
  }

  private onResponseEnd(): void {
    if (this.tunnelled) return;
    this.responseOpen = false;
    if (!this.final) return;
    const upgrade = this.requests.framing().at === "other" && !this.requestOpen;
    this.endExchange("allowed");
    if (this.lastResponse) {
      this.close();
      return;
    }
    if (upgrade && this.exchanges.length === 0 && !this.deaf) {
      // An upgrade that was answered otherwise: what follows is ordinary requests again.
      this.requests.resume({ at: "between" });
      this.requests.push(NOTHING, this.requestSink);
    }
    this.deliverDenials();
    if (this.deaf && this.exchanges.length === 0 && !this.requestOpen) this.close();
  }

  private onServiceFault(_fault: Fault): void {
    if (this.responseOpen) {
      this.context.counters.count("failed:upstream-reset");
      this.finished = true;
      this.duct.abort();
    } else this.giveUp("unavailable", "failed:upstream-malformed");
  }

  /** Answers the oldest request in the service's place and closes: what follows could not be told apart. */
  private giveUp(reason: "unavailable" | "timeout", outcome: OutcomeName): void {
    this.context.counters.count(outcome);
    const { front } = this.exchanges;
    if (typeof front === "number") {
      const answer = this.protocol.fail(front, reason);
      this.duct.toClient(answer.bytes);
      this.status = answer.status;
      this.endExchange(outcome);
    }
    this.close();
  }

  private deliverDenials(): void {
    for (
      let { front } = this.exchanges;
      front !== undefined && typeof front !== "number";
      { front } = this.exchanges
    ) {
      this.duct.toClient(front.bytes);
      this.status = front.status;
      this.endExchange("denied:policy");
      if (front.close) {
        this.close();
        return;
      }
    }
  }

  private endExchange(outcome: OutcomeName): void {
    this.exchanges.shift();
    if (this.context.access)
      this.duct.record(this.described.shift() ?? "", this.status, outcome, this.started.shift() ?? 0);
  }

  private close(): void {
    if (this.finished) return;
    this.finished = true;
    this.deaf = true;
    this.duct.finish();
  }
}

function namedByAll(rules: readonly L7RuleSet[], fields: FieldSpans): boolean {
  return rules.every((set) => set.judgeUpgrade(fields));
}
