// SPDX-License-Identifier: Apache-2.0
import type { Denial, DenyReason } from "../protocol.js";
import { binaryAnswer, isBinary, opaqueOf, opcodeOf, Status } from "./frames.js";
import type { MemcachedRequest } from "./request.js";

const ANSWERS: Record<DenyReason, { status: number; text: string; binary: string }> = {
  policy: { status: Status.denied, text: "CLIENT_ERROR access denied", binary: "access denied" },
  upgrade: { status: Status.denied, text: "CLIENT_ERROR access denied", binary: "access denied" },
  unavailable: {
    status: Status.unavailable,
    text: "SERVER_ERROR upstream unavailable",
    binary: "upstream unavailable",
  },
  timeout: { status: Status.unavailable, text: "SERVER_ERROR upstream timeout", binary: "upstream timeout" },
  limit: { status: Status.unavailable, text: "SERVER_ERROR overloaded", binary: "overloaded" },
};

const SILENT = new Uint8Array(0);

/**
 * A refusal in memcached's words; the connection lives on. Commands with `noreply` are dropped in silence, quiet ones
 * are answered, because their silence means success. A refused `quit` ends the connection all the same.
 */
export function deny(request: MemcachedRequest, reason: DenyReason): Denial {
  const { status, text, binary } = ANSWERS[reason];
  if (request.binary)
    return request.answer(binaryAnswer(request.opcode, request.opaque, status, binary), status, request.last);
  return request.answer(request.answered ? Buffer.from(`${text}\r\n`) : SILENT, status, request.last);
}

/** The answer to a request that the service left unanswered. */
export function fail(expectation: number, reason: DenyReason): Denial {
  const { status, text, binary } = ANSWERS[reason];
  const bytes = isBinary(expectation)
    ? binaryAnswer(opcodeOf(expectation), opaqueOf(expectation), status, binary)
    : Buffer.from(`${text}\r\n`);
  return { bytes, status, close: true };
}
