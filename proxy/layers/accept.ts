// SPDX-License-Identifier: Apache-2.0
import type { Layer } from "../layer.js";

/** Takes a client on, unless there are too many or the sidecar is about to stop. */
export const accept: Layer = {
  name: "accept",
  open({ context }) {
    if (context.draining) return "refused:draining";
    return context.connections > context.limits.connections ? "denied:limit" : undefined;
  },
};
