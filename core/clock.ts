// SPDX-License-Identifier: Apache-2.0
/** Time as the product sees it; the real one is made in cli/, tests pass a fake. */
export interface Clock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Wall clock, milliseconds since 1970, for logs only. */
  wall(): number;
  /** Calls `action` once after `ms`; the returned function cancels it. */
  after(ms: number, action: () => void): () => void;
}
