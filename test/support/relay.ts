// SPDX-License-Identifier: Apache-2.0
import { connect, createServer, isIP, type AddressInfo, type Server, type Socket } from "node:net";
import { once } from "node:events";
import type { Link, SocketEngine } from "../../sockmap/engine.js";

/** Descriptor of a socket or server of Node. */
export function fdOf(socket: Socket | Server): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd;
}

/** The smallest sidecar: relays bytes between captured clients and their service, through an engine. */
export class Relay {
  readonly links: Link[] = [];
  private engine: SocketEngine | undefined;
  private held: Promise<void> | undefined;

  private constructor(
    private readonly ipv4: Server,
    private readonly ipv6: Server,
    readonly port: number,
    private readonly target: number | undefined,
  ) {}

  /**
   * Opens the listeners, then lets `make` build the engine with a descriptor of a socket at hand. `target` is the
   * service's port where nothing is captured.
   */
  static async start(
    make: (fd: number) => SocketEngine,
    target?: number,
  ): Promise<{ relay: Relay; engine: SocketEngine }> {
    const ipv4 = createServer({ allowHalfOpen: true, noDelay: true });
    await once(ipv4.listen(0, "127.0.0.1"), "listening");
    const port = (ipv4.address() as AddressInfo).port;
    const ipv6 = createServer({ allowHalfOpen: true, noDelay: true });
    await once(ipv6.listen({ host: "::1", port, ipv6Only: true }), "listening");
    const relay = new Relay(ipv4, ipv6, port, target);
    for (const server of [ipv4, ipv6]) server.on("connection", (socket: Socket) => relay.serve(socket));
    const engine = make(fdOf(ipv4));
    relay.engine = engine;
    await engine.capture({ ipv4Fd: fdOf(ipv4), ipv6Fd: fdOf(ipv6), port });
    return { relay, engine };
  }

  /** Reads nothing more, but for the first bytes of each connection, until the function that it returns is called. */
  hold(): () => void {
    let release = (): void => undefined;
    this.held = new Promise((resolve) => {
      release = () => {
        this.held = undefined;
        resolve();
      };
    });
    return release;
  }

  /** Closes the listeners and waits until all connections are gone. */
  async close(): Promise<void> {
    const closed = [once(this.ipv4, "close"), once(this.ipv6, "close")];
    this.ipv4.close();
    this.ipv6.close();
    await Promise.all(closed);
  }

  private serve(client: Socket): void {
    const link = this.engine?.accepted(fdOf(client));
    if (!link) throw new Error("no engine");
    this.links.push(link);
    const host = link.accepted.original?.address ?? client.localAddress ?? "";
    const port = this.target ?? link.accepted.original?.port ?? client.localPort ?? 0;
    const service = connect({
      host: "service",
      port,
      noDelay: true,
      allowHalfOpen: true,
      // A lookup of our own makes the connect(2) happen inside its callback.
      lookup: (_name, options, callback) => {
        link.beforeConnect();
        if (options.all) callback(null, [{ address: host, family: isIP(host) }]);
        else callback(null, host, isIP(host));
      },
    });
    service.on("connect", () => link.connected(fdOf(service)));
    const pipe = (from: Socket, to: Socket, read: (bytes: number) => void): void => {
      from.on("data", (bytes: Buffer) => {
        read(bytes.length);
        const drained = to.write(bytes) ? undefined : once(to, "drain");
        const waits = [this.held, drained].filter((wait) => wait !== undefined);
        if (waits.length === 0) return;
        from.pause();
        Promise.all(waits).then(
          () => from.resume(),
          () => undefined,
        );
      });
      from.on("end", () => to.end());
      from.on("error", () => to.destroy());
    };
    pipe(client, service, (bytes) => link.readFromClient(bytes));
    pipe(service, client, (bytes) => link.readFromService(bytes));
    let open = 2;
    for (const socket of [client, service]) socket.on("close", () => --open === 0 && link.close());
  }
}
