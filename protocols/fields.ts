// SPDX-License-Identifier: Apache-2.0
/**
 * What policy sees of one request: a list of byte spans in one buffer, each with a field number of its protocol
 * (e.g. HTTP method, path, host, header name, header value; memcached command, key). No strings are made.
 * Spans stand in the order of the message; a header's value span follows its name span.
 */
export class FieldSpans {
  bytes: Uint8Array = EMPTY;
  count = 0;
  private capacity = 16;
  kind = new Uint8Array(16);
  start = new Int32Array(16);
  end = new Int32Array(16);

  /** Forgets all spans and points at another buffer. */
  reset(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.count = 0;
  }

  /** Adds bytes [start, end) as field `kind`. */
  add(kind: number, start: number, end: number): void {
    if (this.count === this.capacity) this.grow();
    const at = this.count++;
    this.kind[at] = kind;
    this.start[at] = start;
    this.end[at] = end;
  }

  /** Index of the first span of a kind, from `from` on; -1 when there is none. */
  find(kind: number, from = 0): number {
    for (let i = from; i < this.count; i++) if (this.kind[i] === kind) return i;
    return -1;
  }

  /** Text of a span (latin1), for logs and explanations; not for the hot path. */
  text(index: number): string {
    return Buffer.from(
      this.bytes.buffer,
      this.bytes.byteOffset + (this.start[index] ?? 0),
      (this.end[index] ?? 0) - (this.start[index] ?? 0),
    ).toString("latin1");
  }

  /** The same spans over bytes of their own, for what must be judged again later. */
  copy(): FieldSpans {
    const first = Math.min(...this.start.subarray(0, this.count));
    const last = Math.max(...this.end.subarray(0, this.count));
    const out = new FieldSpans();
    if (this.count === 0) return out;
    out.reset(new Uint8Array(this.bytes.subarray(first, last)));
    for (let i = 0; i < this.count; i++)
      out.add(this.kind[i] ?? 0, (this.start[i] ?? 0) - first, (this.end[i] ?? 0) - first);
    return out;
  }

  private grow(): void {
    this.capacity *= 2;
    const kind = new Uint8Array(this.capacity);
    kind.set(this.kind);
    this.kind = kind;
    const start = new Int32Array(this.capacity);
    start.set(this.start);
    this.start = start;
    const end = new Int32Array(this.capacity);
    end.set(this.end);
    this.end = end;
  }
}

const EMPTY = new Uint8Array(0);

/** Field numbers of HTTP/1 requests. The host span is the authority that policy judges, without a port. */
export const HttpField = { method: 0, path: 1, host: 2, headerName: 3, headerValue: 4 } as const;

/** Field numbers of memcached commands. The command span is the lower-case command name. */
export const MemcachedField = { command: 0, key: 1 } as const;
