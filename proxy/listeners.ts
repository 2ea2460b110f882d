// SPDX-License-Identifier: Apache-2.0
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { SockmeshError } from "../core/errors.js";

/** An address that the sidecar listens on. */
export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

/** Two listeners for captured connections have one port; so often another is tried when its IPv6 side is taken. */
const ATTEMPTS = 8;
/** Connections that wait to be accepted; the kernel lowers it to net.core.somaxconn. */
const BACKLOG = 4096;

/** The listening sockets of a sidecar. */
export class Listeners {
  private readonly servers: Server[] = [];

  constructor(private readonly onClient: (accepted: Socket) => void) {}

  /** Listens on an address; port 0 takes any. Throws SM_PORT_IN_USE or SM_CONFIG_INVALID. */
  async open(at: ListenAddress): Promise<Server> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, this.onClient);
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause: NodeJS.ErrnoException) => {
        const code = cause.code === "EADDRINUSE" ? "SM_PORT_IN_USE" : "SM_CONFIG_INVALID";
        reject(
          new SockmeshError(code, `cannot listen on ${at.address}:${at.port}: ${cause.message}`, { cause }),
        );
      });
      server.listen({ host: at.address, port: at.port, ipv6Only: true, backlog: BACKLOG }, resolve);
    });
    this.servers.push(server);
    return server;
  }

  /** Listens on both loopback addresses with one port. `ipv6` is undefined where the machine has none. */
  async openPair(): Promise<{ ipv4: Server; ipv6: Server | undefined; port: number }> {
    for (let attempt = 1; ; attempt++) {
      const ipv4 = await this.open({ address: "127.0.0.1", port: 0 });
      const { port } = ipv4.address() as AddressInfo;
      try {
        return { ipv4, ipv6: await this.open({ address: "::1", port }), port };
      } catch (thrown) {
        const taken = thrown instanceof SockmeshError && thrown.code === "SM_PORT_IN_USE";
        if (!taken) return { ipv4, ipv6: undefined, port };
        if (attempt === ATTEMPTS) throw thrown;
        this.servers.splice(this.servers.indexOf(ipv4), 1);
        ipv4.close();
      }
    }
  }

  /** Stops listening; what was accepted goes on. Idempotent. */
  async close(): Promise<void> {
    const closing = this.servers.splice(0);
    await Promise.all(closing.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}
