// SPDX-License-Identifier: Apache-2.0
import type { Layer } from "../layer.js";
import { descriptorOf } from "../sockets.js";

/** Finds out who the client is and which service it wants, from the socket alone. */
export const identify: Layer = {
  name: "identify",
  open(connection) {
    const { engine, identify: ask } = connection.context;
    const { socket } = connection.client;
    connection.link = engine.accepted(descriptorOf(socket));
    const parties = ask(connection.link.accepted, {
      remoteAddress: socket.remoteAddress ?? "",
      remotePort: socket.remotePort ?? 0,
      localAddress: socket.localAddress ?? "",
      localPort: socket.localPort ?? 0,
    });
    if (!parties) return "denied:peer";
    connection.parties = parties;
    return undefined;
  },
};
