// SPDX-License-Identifier: Apache-2.0
import type { Layer } from "../layer.js";

/** One connection to the service for each client: it keeps the order, and the service sees who is gone. */
export const upstream: Layer = {
  name: "upstream",
  open(connection) {
    // Where nothing is inspected the service may be the one that speaks first.
    if (!connection.protocol) connection.connect();
    return undefined;
  },
  request(connection) {
    if (!connection.service) connection.connect();
    return undefined;
  },
};
