// SPDX-License-Identifier: Apache-2.0
import { accessEntry } from "../access-log.js";
import type { Layer } from "../layer.js";

/** Counts what passed; requests are logged when they are answered, connections without requests when they end. */
export const record: Layer = {
  name: "record",
  open({ context, protocol, verdict }) {
    if (!protocol) context.counters.count(verdict);
    return undefined;
  },
  request({ context, verdict }) {
    context.counters.count(verdict);
    return undefined;
  },
  closed(connection) {
    const { access } = connection.context;
    if (!access || connection.protocol) return;
    access(
      accessEntry(connection, {
        request: "",
        status: 0,
        outcome: connection.outcome,
        started: connection.started,
        received: connection.bytesFromClient,
        sent: connection.bytesFromService,
      }),
    );
  },
};
