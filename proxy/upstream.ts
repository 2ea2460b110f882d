// SPDX-License-Identifier: Apache-2.0
import { connect, isIP, type Socket } from "node:net";
import type { Link } from "../sockmap/engine.js";

/** Descriptor of a connected socket, -1 when it is closed. Node shows it only on the handle. */
export function descriptorOf(socket: object): number {
  const { _handle: handle } = socket as { _handle?: { fd?: number } | null };
  return handle?.fd ?? -1;
}

/**
 * Connects to the service for one client. The engine is told in the same turn in which connect(2) happens: with a
 * lookup of its own, Node connects inside the lookup's callback.
 */
export function connectUpstream(address: string, port: number, link: Link): Socket {
  const family = isIP(address);
  return connect({
    host: "service",
    port,
    noDelay: true,
    allowHalfOpen: true,
    lookup: (_name, options, callback) => {
      link.beforeConnect();
      if (options.all) callback(null, [{ address, family }]);
      else callback(null, address, family);
    },
  });
}
