// SPDX-License-Identifier: Apache-2.0
import type { Layer } from "../layer.js";
import { descriptorOf } from "../sockets.js";

/** Ties both sockets together in the kernel, where there is one that can. */
export const link: Layer = {
  name: "link",
  open(connection) {
    const { link: made, client } = connection;
    if (!made) return undefined;
    client.room = made.room("r");
    if (client.room || made.splice) made.onWake = () => connection.wake();
    if (made.splice) connection.splice(made.splice);
    return undefined;
  },
  connecting(connection) {
    connection.link?.beforeConnect();
  },
  connected(connection) {
    const { link: made, service } = connection;
    if (!made || !service) return;
    connection.route = made.connected(descriptorOf(service.socket));
    service.room = made.room("f");
  },
  closed(connection) {
    connection.link?.close();
  },
};
