// SPDX-License-Identifier: Apache-2.0

/** Bytes of one slab: some hundred small messages, or a few full reads. */
const SLAB_BYTES = 256 * 1024;

/**
 * Collects what one turn writes to one socket, so that it leaves in one write. Bytes are copied out of the read buffer
 * into slabs. What the kernel has taken at once is given back and written to again: memory that is in the processor's
 * cache, and no page new. What it will take later stays as it is.
 */
export class Staging<Owner extends { flush(): void }> {
  private owner: Owner | undefined;
  private slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  private start = 0;
  private end = 0;
  /** What `take` gave last, until it is given back. */
  private taken: Buffer | undefined;

  /** Adds bytes for an owner. Bytes of another owner that were forgotten are flushed first: they never mix. */
  append(owner: Owner, bytes: Uint8Array): void {
    if (this.owner !== owner) {
      this.owner?.flush();
      this.owner = owner;
    }
    if (bytes.length > this.slab.length - this.end) this.renew(bytes.length);
    this.slab.set(bytes, this.end);
    this.end += bytes.length;
  }

  /** Takes what was added for an owner; undefined when there is nothing. */
  take(owner: Owner): Buffer | undefined {
    if (this.owner !== owner) return undefined;
    this.owner = undefined;
    if (this.end === this.start) return undefined;
    this.taken = this.slab.subarray(this.start, this.end);
    this.start = this.end;
    return this.taken;
  }

  /** Gives back bytes that nobody will read any more. No effect unless they are what `take` gave last. */
  giveBack(bytes: Buffer): void {
    if (bytes !== this.taken || this.start !== this.end) return;
    this.taken = undefined;
    this.start = this.end = this.end - bytes.length;
  }

  private renew(bytes: number): void {
    const pending = this.slab.subarray(this.start, this.end);
    this.slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, pending.length + bytes));
    this.slab.set(pending);
    this.taken = undefined;
    this.start = 0;
    this.end = pending.length;
  }
}
