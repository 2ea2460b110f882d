// SPDX-License-Identifier: Apache-2.0
import type { Denial } from "../protocols/protocol.js";

/** A request that awaits its answer: its expectation when it was forwarded, the answer itself when it was refused. */
export type Exchange = number | Denial;

/** Requests of one connection that await their answers, oldest first. Grows with pipelining, is reused otherwise. */
export class Exchanges {
  private readonly ring: Exchange[] = [];
  private first = 0;

  /** Requests that wait. */
  get length(): number {
    return this.ring.length - this.first;
  }

  /** The oldest one. */
  get front(): Exchange | undefined {
    return this.ring[this.first];
  }

  push(exchange: Exchange): void {
    if (this.first === this.ring.length) this.clear();
    this.ring.push(exchange);
  }

  /** The oldest one is answered. */
  shift(): void {
    this.first++;
    if (this.first > 32 && this.first * 2 > this.ring.length) {
      this.ring.splice(0, this.first);
      this.first = 0;
    }
  }

  clear(): void {
    this.ring.length = 0;
    this.first = 0;
  }
}
