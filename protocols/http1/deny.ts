// SPDX-License-Identifier: Apache-2.0
import type { Denial, DenyReason } from "../protocol.js";
import { Expectation, type HttpRequest } from "./request.js";

const ANSWERS: Record<DenyReason, { status: number; text: string; body: string }> = {
  policy: { status: 403, text: "Forbidden", body: "Access denied\r\n" },
  missing: { status: 404, text: "Not Found", body: "Not found\r\n" },
  upgrade: { status: 403, text: "Forbidden", body: "Access denied\r\n" },
  unavailable: { status: 503, text: "Service Unavailable", body: "upstream connect failed\r\n" },
  timeout: { status: 504, text: "Gateway Timeout", body: "upstream timeout\r\n" },
  limit: { status: 503, text: "Service Unavailable", body: "overloaded\r\n" },
};

/** A refusal in HTTP's words. The connection lives on unless what the client sends next cannot be told for certain. */
export function deny(request: HttpRequest, reason: DenyReason): Denial {
  // A client that waits for 100 Continue may or may not send its body after a final answer.
  return answer(request.expectation, reason, request.upgrade || request.last || request.awaitsContinue);
}

/** The answer to a request that the service left unanswered. */
export function fail(expectation: number, reason: DenyReason): Denial {
  return answer(expectation, reason, true);
}

function answer(expectation: number, reason: DenyReason, close: boolean): Denial {
  const { status, text, body } = ANSWERS[reason];
  const head = `HTTP/1.1 ${status} ${text}\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}\r\n${close ? "connection: close\r\n" : ""}\r\n`;
  return { bytes: Buffer.from(expectation === Expectation.head ? head : head + body), status, close };
}
