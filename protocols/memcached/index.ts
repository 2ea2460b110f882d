// SPDX-License-Identifier: Apache-2.0
/**
 * memcached's text, meta and binary protocols as version 1.6 reads them. The first byte of a connection says which.
 * What memcached would refuse is refused here, in its words, and never forwarded: nothing depends on how a service
 * reads a broken command. Streams (`watch`, `lru_crawler metadump`) are refused. Unknown commands are, too.
 */
import type { Protocol } from "../protocol.js";
import { RequestDecoder } from "./decoder.js";
import { deny, fail } from "./deny.js";
import { GROUPS } from "./groups.js";
import type { MemcachedRequest } from "./request.js";
import { ResponseDecoder, type MemcachedResponse } from "./response.js";
import { describe } from "./summary.js";

/** memcached as the proxy handles it. */
export const memcached: Protocol<MemcachedRequest, MemcachedResponse> = {
  name: "memcached",
  groups: GROUPS,
  requests: (limits) => new RequestDecoder(limits),
  responses: (limits, next) => new ResponseDecoder(limits, next),
  deny,
  fail,
  describe,
};
