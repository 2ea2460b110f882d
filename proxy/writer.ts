// SPDX-License-Identifier: Apache-2.0
import type { Socket } from "node:net";

/** Joins views that lie side by side in one received chunk, so that an allowed chunk leaves in one write. */
export class Writer {
  private bytes: Uint8Array | undefined;

  /** False once the socket asked to wait; the caller pauses the source until `drain`. */
  flowing = true;

  constructor(private readonly socket: Socket) {}

  /** Adds bytes to the next write. */
  add(bytes: Uint8Array): void {
    const held = this.bytes;
    if (!held) {
      this.bytes = bytes;
      return;
    }
    if (held.buffer === bytes.buffer && held.byteOffset + held.length === bytes.byteOffset) {
      this.bytes = Buffer.from(held.buffer, held.byteOffset, held.length + bytes.length);
      return;
    }
    this.flush();
    this.bytes = bytes;
  }

  /** Writes what was added. */
  flush(): void {
    const { bytes } = this;
    if (!bytes) return;
    this.bytes = undefined;
    if (!this.socket.writable) return;
    this.flowing = this.socket.write(bytes) && this.flowing;
  }
}
