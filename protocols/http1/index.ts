// SPDX-License-Identifier: Apache-2.0
/**
 * HTTP/1.0 and HTTP/1.1 (RFC 9110, RFC 9112), stricter than most servers: what two readers could understand in two ways
 * is refused or rewritten, never forwarded.
 */
import type { Protocol } from "../protocol.js";
import { RequestDecoder, ResponseDecoder } from "./decoder.js";
import { deny, fail } from "./deny.js";
import { edit } from "./edit.js";
import type { HttpRequest } from "./request.js";
import type { HttpResponse } from "./response.js";
import { describe } from "./summary.js";

/** HTTP/1 as the proxy handles it. */
export const http1: Protocol<HttpRequest, HttpResponse> = {
  name: "http",
  requests: (limits) => new RequestDecoder(limits),
  responses: (limits, next) => new ResponseDecoder(limits, next),
  deny,
  fail,
  edit,
  describe,
};
