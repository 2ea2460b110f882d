// SPDX-License-Identifier: Apache-2.0
import type { Clock } from "../core/clock.js";

/** Something that is looked at when its time has come. The links belong to the wheel. */
export interface Timed {
  /** Looks at its deadlines; returns the milliseconds until the next one, or 0 when there is none any more. */
  due(): number;
  next: Timed | undefined;
  previous: Timed | undefined;
  /** Slot of the wheel, -1 when it is in none. */
  slot: number;
}

const SLOTS = 256;

/**
 * One coarse timer for all connections: a wheel of slots, each a list of what is due then. Activity does not move an
 * entry, it only changes what `due` will answer, so that bytes cost no timer work. Deadlines fire up to a tick late.
 */
export class TimerWheel {
  /** The clock's time as of the last tick: costs nothing to read. */
  now: number;
  private readonly slots: (Timed | undefined)[] = new Array<Timed | undefined>(SLOTS).fill(undefined);
  private current = 0;
  private size = 0;
  private stopTick: (() => void) | undefined;

  constructor(
    private readonly clock: Clock,
    /** Milliseconds of a tick. */
    readonly tickMs: number,
  ) {
    this.now = clock.now();
  }

  /** Has an entry looked at after that many milliseconds (or earlier, when that is beyond the wheel). */
  schedule(entry: Timed, ms: number): void {
    this.cancel(entry);
    const ticks = Math.min(SLOTS - 1, Math.max(1, Math.ceil(ms / this.tickMs)));
    const slot = (this.current + ticks) % SLOTS;
    const first = this.slots[slot];
    entry.slot = slot;
    entry.next = first;
    if (first) first.previous = entry;
    this.slots[slot] = entry;
    this.size++;
    if (this.stopTick) return;
    this.now = this.clock.now(); // it stood still while the wheel was empty
    this.stopTick = this.clock.after(this.tickMs, () => this.tick());
  }

  /** Takes an entry out. */
  cancel(entry: Timed): void {
    if (entry.slot < 0) return;
    if (entry.previous) entry.previous.next = entry.next;
    else this.slots[entry.slot] = entry.next;
    if (entry.next) entry.next.previous = entry.previous;
    entry.next = entry.previous = undefined;
    entry.slot = -1;
    if (--this.size === 0) {
      this.stopTick?.();
      this.stopTick = undefined;
    }
  }

  private tick(): void {
    const from = this.now;
    this.now = this.clock.now();
    this.stopTick = this.clock.after(this.tickMs, () => this.tick());
    // The timer itself may have been late by more than a tick.
    const passed = Math.min(SLOTS, Math.max(1, Math.round((this.now - from) / this.tickMs)));
    for (let i = 0; i < passed; i++) this.turn();
  }

  private turn(): void {
    this.current = (this.current + 1) % SLOTS;
    for (let entry = this.slots[this.current]; entry; entry = this.slots[this.current]) {
      this.cancel(entry);
      const ms = entry.due();
      if (ms > 0 && entry.slot < 0) this.schedule(entry, ms);
    }
  }
}
