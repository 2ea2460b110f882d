// SPDX-License-Identifier: Apache-2.0
import type { Layer } from "../layer.js";
import type { Connection } from "../connection.js";
import type { Parties } from "../parties.js";
import { descriptorOf } from "../sockets.js";

/** Who the parties of a connection are now: labels, blocks and names that identities come from may have changed. */
export function partiesOf({ context, link, client }: Connection): Parties | undefined {
  if (!link) return undefined;
  const { socket } = client;
  return context.identify(link.accepted, {
    remoteAddress: socket.remoteAddress ?? "",
    remotePort: socket.remotePort ?? 0,
    localAddress: socket.localAddress ?? "",
    localPort: socket.localPort ?? 0,
  });
}

/** Finds out who the client is and which service it wants, from the socket alone. */
export const identify: Layer = {
  name: "identify",
  open(connection) {
    connection.link = connection.context.engine.accepted(descriptorOf(connection.client.socket));
    const parties = partiesOf(connection);
    if (!parties) return "denied:peer";
    connection.parties = parties;
    return undefined;
  },
};
