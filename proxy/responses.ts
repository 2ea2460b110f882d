// SPDX-License-Identifier: Apache-2.0
import type { Fault, Response, Sink } from "../protocols/protocol.js";
import type { Connection } from "./connection.js";
import type { MessageRelay } from "./messages.js";

/** What a service's responses come to: forwarded as they are, each for the oldest request that waits. */
export class ResponseSink implements Sink<Response> {
  /** A response's head has passed, its end is to come. */
  open = false;
  /** The service has ended: a fault now is a response cut short. */
  ended = false;
  private status = 0;
  private final = true;
  private last = false;
  private tunnel = false;
  /** The answer to a barrier passes: it is for the sidecar alone. */
  private discarding = false;

  constructor(
    private readonly connection: Connection,
    private readonly relay: MessageRelay,
  ) {}

  head(response: Response): void {
    const { front } = this.relay.exchanges;
    const { final } = response;
    this.discarding = final && front?.denial?.barrier !== undefined;
    const awaited = front && (!front.denial || front.denial.barrier);
    // Beside what is awaited, only answers to requests that nobody counts may come; those are never final.
    if (!awaited && (final || !this.relay.loose)) return this.unusable();
    if (response.tunnel && !front?.upgrade) return this.unusable();
    this.open = true;
    this.status = response.status;
    this.final = final;
    this.last = response.last;
    if (this.discarding) return;
    this.connection.toClient(response.bytes);
    if (front) front.sent += response.bytes.length;
    if (!response.tunnel) return;
    this.tunnel = true;
    this.relay.enterTunnel(response.status);
  }

  /** A response is under way after which the connection ends. */
  get ending(): boolean {
    return this.open && this.last;
  }

  /** Goes on after the kernel has moved messages; `within`: in the middle of the body of one. */
  resume(within: boolean): void {
    this.open = within;
    this.final = true;
    this.last = false;
    this.status = 0;
  }

  body(bytes: Uint8Array): void {
    if (this.discarding) return;
    const { front } = this.relay.exchanges;
    if (front) front.sent += bytes.length;
    this.connection.toClient(bytes);
  }

  end(): void {
    if (this.tunnel || !this.open) return;
    this.open = false;
    if (this.discarding) {
      this.discarding = false;
      this.relay.barrierPassed();
    } else if (this.final) this.relay.answered(this.status, this.last);
  }

  fault(_fault: Fault): void {
    this.unusable();
  }

  private unusable(): void {
    this.relay.giveUp("unavailable", this.ended ? "failed:upstream-reset" : "failed:upstream-malformed");
  }
}
