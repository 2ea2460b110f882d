// SPDX-License-Identifier: Apache-2.0
import { loadLibbpf, loadLibc, ringCallback, type Pointer } from "./libbpf.js";

/** Longest wait in one go; a stop of the engine is noticed after at most that. */
const WAIT_MS = 500;

/**
 * Events of the kernel: the answer that somebody waits for has been delivered. Waits, in a thread, only while somebody
 * does: most of the time nobody is interested, and nothing runs.
 */
export class Wakes {
  private readonly ring: Pointer;
  private readonly callback: ReturnType<typeof ringCallback>;
  private waiting = 0;
  private polling = false;
  private closed = false;

  /**
   * @param fd of the ring buffer map
   * @param wake called with the number of a record
   */
  constructor(fd: number, wake: (record: number) => void) {
    this.callback = ringCallback(wake);
    this.ring = loadLibbpf().newRing(fd, this.callback.pointer, null, null);
  }

  /** One more, or one less, waits for an event. */
  interested(change: 1 | -1): void {
    this.waiting += change;
    if (this.waiting > 0) this.poll();
  }

  /** Stops; nothing is called any more. */
  close(): void {
    this.closed = true;
    if (!this.polling) this.free();
  }

  private poll(): void {
    if (this.polling || this.closed) return;
    this.polling = true;
    loadLibc().waitReadable(loadLibbpf().ringFd(this.ring), WAIT_MS, () => {
      this.polling = false;
      if (this.closed) return this.free();
      loadLibbpf().consumeRing(this.ring);
      if (this.waiting > 0) this.poll();
    });
  }

  private free(): void {
    loadLibbpf().freeRing(this.ring);
    this.callback.release();
  }
}
