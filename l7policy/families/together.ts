// SPDX-License-Identifier: Apache-2.0
import { kafkaAllows, memcachedAllows } from "./judge.js";
import type { L7Rules } from "./model.js";
import type { L7Request } from "./requests.js";

/** True when rules allow a request together, each a part of it: topics of Kafka, keys of memcached. */
export function togetherAllow(l7: readonly L7Rules[], request: L7Request): boolean {
  if (request.family === "kafka")
    return kafkaAllows(
      l7.flatMap((one) => (one.family === "kafka" ? one.rules : [])),
      request,
    );
  return (
    request.family === "memcached" &&
    memcachedAllows(
      l7.flatMap((one) => (one.family === "memcached" ? one.rules : [])),
      request,
    )
  );
}
