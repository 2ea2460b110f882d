// SPDX-License-Identifier: Apache-2.0
import type { Socket } from "node:net";
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
} as const;

/** One socket of a connection: what is written to it, and whether it is read from. */
export class Leg {
  /** The peer has sent its FIN. */
  ended = false;
  /** Our FIN is sent, or will be after what is queued. */
  finished = false;
  /** Called with the number of bytes right before they are written. */
  beforeWrite: ((bytes: number) => void) | undefined;
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

  /** True when the kernel takes no more for now: `drained` follows. */
  get full(): boolean {
    return this.socket.writableNeedDrain && this.socket.writableLength > 0;
  }

  /** Adds bytes to what the next `flush` writes; they are copied. */
  append(bytes: Uint8Array): void {
    if (!this.finished) this.staging.append(this, bytes);
  }

  /** Writes what was added. To be called before the turn ends. */
  flush(): void {
    const bytes = this.staging.take(this);
    if (!bytes || !this.socket.writable) return;
    this.beforeWrite?.(bytes.length);
    this.socket.write(bytes);
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
    if (this.holds === 0) this.socket.resume();
  }

  /** Sends FIN after all that was written. */
  finish(): void {
    if (this.finished) return;
    this.flush();
    this.finished = true;
    this.socket.end();
  }

  /** Ends it at once, with a reset, so that a message cut short is seen as such. */
  abort(): void {
    this.finished = true;
    reset(this.socket);
  }
}
