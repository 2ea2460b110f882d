// SPDX-License-Identifier: Apache-2.0
import type { Fault } from "../protocol.js";

/** memcached's own words. */
export const Words = {
  error: "ERROR",
  format: "CLIENT_ERROR bad command line format",
  key: "CLIENT_ERROR error decoding key",
  flags: "CLIENT_ERROR options flags too long",
  watch: "CLIENT_ERROR watch commands not allowed",
  dump: "ERROR metadump not allowed",
  large: "SERVER_ERROR object too large for cache",
  delete: "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]",
} as const;

/** Why a connection cannot go on, with what the client is told. Binary faults carry their own frame. */
export const FAULTS = {
  /** A text command without a line end within the limit. */
  "line-too-long": Words.format,
  /** NUL in a command: memcached reads the line only up to it. */
  "nul-in-command": Words.format,
  /** A number that memcached reads differently from what is written (`+5`, wrapped, with tabs). */
  "ambiguous-number": Words.format,
  /** A value longer than any memcached can hold. */
  "value-too-large": Words.large,
  /** A binary frame after text commands. */
  "binary-in-text": Words.error,
  /** A first byte other than 0x80 after binary frames. memcached closes silently. */
  "text-in-binary": "",
  /** Extras, key and body lengths that do not fit each other or the opcode. */
  "bad-lengths": "",
  /** The client ended inside a command. */
  truncated: "",
  /** An answer that no request waits for. */
  "unexpected-response": "",
  /** An answer of another form than its request has, or to another binary request. */
  "bad-response": "",
} as const;

/** Name of a fault. */
export type FaultReason = keyof typeof FAULTS;

const LIMITS: ReadonlySet<FaultReason> = new Set(["line-too-long", "value-too-large"]);

/** A fault as the proxy takes it. */
export function faultOf(reason: FaultReason, reply?: Uint8Array): Fault {
  const text = FAULTS[reason];
  return { reason, limit: LIMITS.has(reason), reply: reply ?? Buffer.from(text && `${text}\r\n`) };
}
