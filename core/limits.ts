// SPDX-License-Identifier: Apache-2.0
/** Bounds on what one peer can make the sidecar hold or wait for. Bytes and milliseconds. */
export interface Limits {
  /** Longest message head (HTTP request line and headers; one text command elsewhere). */
  readonly headBytes: number;
  /** Most header fields of one head. */
  readonly headerCount: number;
  /** Most requests of one connection that wait for their answers; beyond, reading pauses. */
  readonly pipelined: number;
  /** Time to receive a whole head once its first byte is there. */
  readonly headMs: number;
  /** Time without any byte in either direction. */
  readonly idleMs: number;
  /** Time to connect to the service. */
  readonly connectMs: number;
  /** Time that in-flight requests get when draining. */
  readonly drainMs: number;
  /** Most connections at once; beyond, new ones are refused. */
  readonly connections: number;
}

/** What users of Envoy and Node expect; see docs/operations.md. */
export const DEFAULT_LIMITS: Limits = {
  headBytes: 60 * 1024,
  headerCount: 100,
  pipelined: 64,
  headMs: 60_000,
  idleMs: 3_600_000,
  connectMs: 5_000,
  drainMs: 10_000,
  connections: 100_000,
};
