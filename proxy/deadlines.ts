// SPDX-License-Identifier: Apache-2.0
import type { Timed, TimerWheel } from "./wheel.js";

/**
 * What a connection waits for: its client to close after it got everything (`linger`), a reader to take some of what
 * was moved to it (`room`), the service to end where only that proves delivery (`barrier`), the service to accept (`connect`), the
 * rest of a head (`head`), or any byte at all (`idle`).
 */
export type Awaited = (typeof ORDER)[number] | "idle";

/** In which they are looked at. */
const ORDER = ["linger", "room", "barrier", "connect", "head"] as const;

/** The deadlines of one connection. They pass late rather than early, by up to two ticks of the wheel. */
export class Deadlines implements Timed {
  next: Timed | undefined;
  previous: Timed | undefined;
  slot = -1;
  /** In the wheel's time, 0 when it is not waited for. */
  private readonly until = { linger: 0, room: 0, barrier: 0, connect: 0, head: 0 };
  private lastActive: number;

  /** @param passed called when time is up for something; returns false when the connection needs no time any more */
  constructor(
    private readonly wheel: TimerWheel,
    private readonly idleMs: number,
    private readonly passed: (what: Awaited) => boolean,
  ) {
    this.lastActive = wheel.now;
  }

  /** Bytes have moved. */
  active(): void {
    this.lastActive = this.wheel.now;
  }

  awaits(what: (typeof ORDER)[number]): boolean {
    return this.until[what] > 0;
  }

  /** Waits that many milliseconds for something, from now on. */
  start(what: (typeof ORDER)[number], ms: number): void {
    const { now, tickMs } = this.wheel;
    this.until[what] = now + tickMs + ms; // `now` may be a tick old: never early
    this.arm();
  }

  clear(what: (typeof ORDER)[number]): void {
    this.until[what] = 0;
  }

  /** Nothing is waited for any more. */
  cancel(): void {
    this.wheel.cancel(this);
  }

  due(): number {
    const { now } = this.wheel;
    for (const what of ORDER) {
      if (this.until[what] === 0 || now < this.until[what]) continue;
      this.until[what] = 0;
      if (!this.passed(what)) return 0;
    }
    if (now >= this.lastActive + this.idleMs && !this.passed("idle")) return 0;
    return Math.max(1, this.nearest() - now);
  }

  /** Has the wheel look at the deadlines in time; `start` does it too. */
  arm(): void {
    this.wheel.schedule(this, this.nearest() - this.wheel.now);
  }

  private nearest(): number {
    let nearest = this.lastActive + this.idleMs;
    for (const what of ORDER) if (this.until[what] > 0) nearest = Math.min(nearest, this.until[what]);
    return nearest;
  }
}
