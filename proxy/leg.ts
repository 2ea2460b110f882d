// SPDX-License-Identifier: Apache-2.0
import type { Socket } from "node:net";
import type { Room } from "../sockmap/engine.js";
import { reset } from "./sockets.js";
import type { Staging } from "./staging.js";

/** What a leg tells its connection. */
export interface LegEvents {
  /** Everything that was written is with the kernel. */
  drained(leg: Leg): void;
  /** The peer has finished sending. */
  ended(leg: Leg): void;
  /** The peer reset the connection, or it failed otherwise; `closed` follows. */
  failed(leg: Leg, error: NodeJS.ErrnoException): void;
  /** The socket is gone. */
  closed(leg: Leg): void;
}

/** Why reading from a leg is paused; a set of bits. */
export const Hold = {
  /** The other leg cannot take more. */
  backlog: 1,
  /** Too many requests await their answers. */
  pipelined: 2,
  /** Both sides may have sent their FIN: see `readByTurns`. */
  turn: 4,
} as const;

/** One socket of a connection: what is written to it, and whether it is read from. */
export class Leg {
  /** The peer has sent its FIN. */
  ended = false;
  /** Our FIN is sent, or will be after what is queued. */
  finished = false;
  /** What is asked before a write, where the kernel moves it past the reader's window. */
  room: Room | undefined;
  /** Called after writes, some time after the kernel has taken them. */
  onSent: (() => void) | undefined;
  private forced = false;
  /** Waits for room. */
  private readonly held: Buffer[] = [];
  private holds = 0;

  constructor(
    readonly socket: Socket,
    private readonly staging: Staging<Leg>,
    events: LegEvents,
  ) {
    socket.on("drain", () => events.drained(this));
    socket.on("end", () => {
      this.ended = true;
      events.ended(this);
    });
    socket.on("error", (error) => events.failed(this, error));
    socket.on("close", () => events.closed(this));
  }

  /** True when no more is taken for now: `drained` follows. */
  get full(): boolean {
    return this.waits || (this.socket.writableNeedDrain && this.socket.writableLength > 0);
  }

  /** Adds bytes to what the next `flush` writes; they are copied. */
  append(bytes: Uint8Array): void {
    if (!this.finished) this.staging.append(this, bytes);
  }

  /** Everything that was added is with the kernel. */
  get clear(): boolean {
    return !this.waits && this.socket.writableLength === 0;
  }

  /** Writes what was added, unless it must wait. To be called before the turn ends. */
  flush(): void {
    const bytes = this.staging.take(this);
    if (!this.waits) {
      if (!bytes) return;
      if (!this.room || this.room.available()) return this.write(bytes);
    }
    if (bytes) this.held.push(bytes);
    for (let first; (first = this.held[0]) && (this.forced || this.room?.available()); this.held.shift())
      this.write(first);
    if (this.finished && !this.waits) this.socket.end();
  }

  /** Bytes wait for room. */
  get waits(): boolean {
    return this.held.length > 0;
  }

  /** Waits no longer where nobody will ever read: the write shows what has become of the peer. */
  forceDeserted(): void {
    if (!this.waits || !this.room?.deserted()) return;
    this.forced = true;
    this.flush();
  }

  private write(bytes: Buffer): void {
    if (!this.socket.writable) return;
    this.socket.write(bytes, this.onSent);
    if (this.socket.writableLength === 0) this.staging.giveBack(bytes);
  }

  /** Stops reading for a reason of {@link Hold}. */
  hold(reason: number): void {
    if (this.holds === 0) this.socket.pause();
    this.holds |= reason;
  }

  /** Takes a reason away; reads again when none is left. */
  release(reason: number): void {
    if (this.holds === 0) return;
    this.holds &= ~reason;
    if (this.holds === 0 && !this.socket.destroyed) this.socket.resume();
  }

  /**
   * To be called after each read. Once both sides have sent FIN, libuv takes a read that did not fill its buffer for the
   * last one. Where a reader finds bytes that the kernel moved in front of bytes of TCP, that would lose the latter: so
   * reading stops for the rest of the turn, and libuv looks again in the next one.
   */
  readByTurns(): void {
    if (!this.finished || this.ended) return;
    this.hold(Hold.turn);
    setImmediate(() => this.release(Hold.turn));
  }

  /** Sends FIN after all that was written. */
  finish(): void {
    if (this.finished) return;
    this.flush();
    this.finished = true;
    if (!this.waits) this.socket.end();
  }

  /** Ends it at once, with a reset, so that a message cut short is seen as such. */
  abort(): void {
    this.finished = true;
    this.held.length = 0;
    reset(this.socket);
  }
}
