// SPDX-License-Identifier: Apache-2.0
import type { Layer, Refusal } from "../layer.js";

const DRAINING: Refusal = { outcome: "refused:draining", reason: "unavailable" };

/** Bounds what a client can make the sidecar hold or wait for; the decoders and `Connection` watch the bounds. */
export const limits: Layer = {
  name: "limits",
  open(connection) {
    connection.deadlines.arm();
    return undefined;
  },
  request({ context }) {
    return context.draining ? DRAINING : undefined;
  },
};
