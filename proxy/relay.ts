// SPDX-License-Identifier: Apache-2.0
import type { OutcomeName } from "../core/outcome.js";
import type { Framing } from "../protocols/protocol.js";
import type { Spliced } from "./splicing.js";

/** What happens to the bytes of a connection that is open. */
export interface Relay extends Spliced {
  /** The client may be told to wait: too many of its requests are unanswered. */
  readonly crowded: boolean;
  /** Nothing is under way: draining may end the connection now. */
  readonly idle: boolean;
  /** Messages are told apart and judged. */
  readonly inspects: boolean;
  /** Part of a request's head is here: the time to complete it is bounded. */
  readonly headPending: boolean;
  fromClient(bytes: Uint8Array): void;
  fromService(bytes: Uint8Array): void;
  /** The client sends no more. */
  clientEnded(): void;
  /** The service sends no more. */
  serviceEnded(): void;
  /** The service cannot be reached, or broke off. */
  serviceFailed(outcome: OutcomeName): void;
  /** No byte for too long, or half a head for too long. */
  timedOut(): void;
}

/** Where a relay sends what it lets through. */
export interface Ends {
  toClient(bytes: Uint8Array): void;
  toService(bytes: Uint8Array): void;
  /** The client gets FIN after what was sent to it; the service's side goes on. */
  endClient(): void;
  /** The service gets FIN after what was sent to it; the client's side goes on. */
  endService(): void;
  /** What was sent to the client is delivered, then all ends. */
  finish(): void;
  /** All ends at once, visibly cut. */
  abort(): void;
  /** Counts an outcome and keeps it as the connection's. */
  count(outcome: OutcomeName): void;
}

/** Bytes of a connection that is not inspected: policy allows all of it, or it has left its protocol as a rule allows. */
export class OpaqueRelay implements Relay {
  readonly crowded = false;
  readonly idle = false;
  readonly inspects = false;
  readonly headPending = false;
  readonly needsResponses = false;

  constructor(private readonly ends: Ends) {}

  fromClient(bytes: Uint8Array): void {
    this.ends.toService(bytes);
  }

  fromService(bytes: Uint8Array): void {
    this.ends.toClient(bytes);
  }

  clientEnded(): void {
    this.ends.endService();
  }

  serviceEnded(): void {
    this.ends.endClient();
  }

  serviceFailed(outcome: OutcomeName): void {
    this.ends.count(outcome);
    this.ends.abort();
  }

  // Bytes without messages: the kernel and the sidecar take turns as they come.
  resume(): void {}
  requestMoved(): void {}
  responseMoved(): void {}
  wake(): void {}

  standing(): Framing {
    return BETWEEN;
  }

  timedOut(): void {
    this.ends.count("failed:timeout");
    this.ends.abort();
  }
}

const BETWEEN: Framing = { at: "between" };
