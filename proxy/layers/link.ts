// SPDX-License-Identifier: Apache-2.0
import type { Layer } from "../layer.js";
import { descriptorOf } from "../sockets.js";

/** Ties both sockets together in the kernel, where there is one that can. */
export const link: Layer = {
  name: "link",
  open(connection) {
    const splice = connection.link?.splice;
    if (splice) connection.splice(splice);
    return undefined;
  },
  connecting(connection) {
    connection.link?.beforeConnect();
  },
  connected(connection) {
    const { link: made, service } = connection;
    if (made && service) connection.route = made.connected(descriptorOf(service.socket));
  },
  closed(connection) {
    connection.link?.close();
  },
};
