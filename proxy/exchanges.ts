// SPDX-License-Identifier: Apache-2.0
import type { OutcomeName } from "../core/outcome.js";
import type { Denial } from "../protocols/protocol.js";

/** One request that awaits its answer. Reused: valid until it is shifted out. */
export class Exchange {
  /** What the response decoder must know, as the protocol numbers it. */
  expectation = 0;
  /** The sidecar's own answer; undefined when the service answers. */
  denial: Denial | undefined;
  upgrade = false;
  /** Its answer is one that the kernel cannot frame: it must come through the sidecar. */
  watched = false;
  outcome: OutcomeName = "allowed";
  /** For the access log only: text of the request, milliseconds of the clock, bytes. */
  text = "";
  started = 0;
  received = 0;
  sent = 0;
}

/** Size that a ring shrinks to when a burst of pipelined requests is over. */
const USUAL = 4;

/** Requests of one connection that await their answers, oldest first: a ring of reused objects. */
export class Exchanges {
  count = 0;
  private ring: Exchange[] = [];
  private first = 0;

  /** The oldest one. */
  get front(): Exchange | undefined {
    return this.count === 0 ? undefined : this.ring[this.first];
  }

  /** The newest one. */
  get back(): Exchange | undefined {
    return this.count === 0 ? undefined : this.ring[(this.first + this.count - 1) % this.ring.length];
  }

  /** True when the sidecar itself will answer one of them. */
  get denies(): boolean {
    for (let i = 0; i < this.count; i++)
      if (this.ring[(this.first + i) % this.ring.length]?.denial) return true;
    return false;
  }

  /** Adds a request that the service is to answer. */
  push(expectation: number, upgrade: boolean): Exchange {
    if (this.count === this.ring.length) this.grow();
    const exchange = this.ring[(this.first + this.count++) % this.ring.length] as Exchange;
    exchange.expectation = expectation;
    exchange.upgrade = upgrade;
    exchange.watched = false;
    exchange.outcome = "allowed";
    exchange.received = exchange.sent = 0;
    return exchange;
  }

  /** Takes the oldest one out. */
  shift(): void {
    const front = this.ring[this.first];
    if (front) front.denial = undefined;
    this.first = (this.first + 1) % this.ring.length;
    if (--this.count === 0 && this.ring.length > USUAL) this.ring.length = this.first = 0;
  }

  private grow(): void {
    const ordered = [...this.ring.slice(this.first), ...this.ring.slice(0, this.first)];
    const more = Math.max(1, ordered.length);
    for (let i = 0; i < more; i++) ordered.push(new Exchange());
    this.ring = ordered;
    this.first = 0;
  }
}
