// SPDX-License-Identifier: Apache-2.0
import { MemcachedField } from "../fields.js";
import type { Denial, DenyReason } from "../protocol.js";
import { binaryAnswer, Expectation, isBinary, opaqueOf, opcodeOf, OPCODES, Status } from "./frames.js";
import type { MemcachedRequest } from "./request.js";

const ANSWERS: Record<Exclude<DenyReason, "missing">, { status: number; text: string; binary: string }> = {
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
  if (reason === "missing") return missing(request);
  const { status, text, binary } = ANSWERS[reason];
  if (request.binary)
    return request.answer(binaryAnswer(request.opcode, request.opaque, status, binary), status, request.last);
  return request.answer(request.answered ? Buffer.from(`${text}\r\n`) : SILENT, status, request.last);
}

/** What memcached says when it has no such key: as if the lookup had been run there. */
function missing(request: MemcachedRequest): Denial {
  const { missing: status } = Status;
  const { expectation, opcode, opaque, fields } = request;
  if (!request.binary) {
    const text = expectation === Expectation.values ? "END\r\n" : "EN\r\n";
    return request.answer(expectation === Expectation.quiet ? SILENT : Buffer.from(text), status, false);
  }
  if (request.mayAnswer) return request.answer(SILENT, status, false);
  const text = OPCODES[opcode]?.echoes ? fields.text(fields.find(MemcachedField.key)) : undefined;
  const answer = binaryAnswer(opcode, opaque, status, text ?? "Not found", text !== undefined);
  return request.answer(answer, status, false);
}

/** The answer to a request that the service left unanswered. */
export function fail(expectation: number, reason: DenyReason): Denial {
  const { status, text, binary } = ANSWERS[reason === "missing" ? "policy" : reason];
  const bytes = isBinary(expectation)
    ? binaryAnswer(opcodeOf(expectation), opaqueOf(expectation), status, binary)
    : Buffer.from(`${text}\r\n`);
  return { bytes, status, close: true };
}
