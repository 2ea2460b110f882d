// SPDX-License-Identifier: Apache-2.0
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Clock } from "../core/clock.js";
import { SockmeshError } from "../core/errors.js";
import type { Limits } from "../core/limits.js";
import type { Log } from "../core/log.js";
import { OutcomeCounters, type OutcomeName } from "../core/outcome.js";
import type { PolicyRevision } from "../l7policy/policy.js";
import type { Protocol } from "../protocols/protocol.js";
import type { Release, SocketEngine } from "../sockmap/engine.js";
import type { Connection } from "./connection.js";
import type { AccessEntry, ProxyContext } from "./context.js";
import type { Identify } from "./parties.js";
import { take } from "./stack.js";
import { descriptorOf } from "./upstream.js";

/** What a sidecar is made of. */
export interface SidecarParts {
  readonly limits: Limits;
  readonly clock: Clock;
  readonly log: Log;
  readonly protocols: readonly Protocol[];
  readonly policy: PolicyRevision;
  readonly identify: Identify;
  /** Undefined: no access log. */
  readonly access?: ((entry: AccessEntry) => void) | undefined;
}

/** A listening address. */
export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

/** One open connection, for status. */
export interface ConnectionStatus {
  readonly client: number;
  readonly service: number;
  readonly port: number;
  readonly route: OutcomeName;
  readonly kernelBytes: number;
}

const SWEEP_MS = 1000;

/** The proxy: listens, judges, relays. Captured and explicitly forwarded connections take the same way. */
export class Sidecar {
  readonly counters = new OutcomeCounters();
  private readonly context: ProxyContext;
  private readonly open = new Set<Connection>();
  private readonly servers: Server[] = [];
  private readonly identify: Identify;
  private engine: SocketEngine | undefined;
  private release: Release | undefined;
  private stopSweep: () => void = () => {};
  private draining = false;

  constructor(parts: SidecarParts) {
    this.identify = parts.identify;
    this.context = {
      limits: parts.limits,
      clock: parts.clock,
      log: parts.log,
      counters: this.counters,
      protocols: new Map(parts.protocols.map((protocol) => [protocol.name, protocol])),
      policy: parts.policy,
      access: parts.access,
      tick: 0,
    };
    this.sweepLater();
  }

  /**
   * Opens the listeners for captured connections on both loopback addresses (IPv6 where there is one) and has the engine
   * hand them over. `make` builds the engine: it wants a descriptor of a socket of this process.
   */
  async capture(make: (socketFd: number) => SocketEngine): Promise<SocketEngine> {
    const ipv4 = await this.listenOn({ host: "127.0.0.1", port: 0 });
    const port = (ipv4.address() as AddressInfo).port;
    const ipv6 = await this.listenOn({ host: "::1", port, ipv6Only: true }).catch(() => undefined);
    const engine = make(descriptorOf(ipv4));
    this.engine = engine;
    this.release = await engine.capture({
      ipv4Fd: descriptorOf(ipv4),
      ipv6Fd: ipv6 ? descriptorOf(ipv6) : -1,
      port,
    });
    return engine;
  }

  /** Listens on an address of the operator's, for machines without capture. Port 0: any. Throws SM_PORT_IN_USE. */
  async listen(at: ListenAddress): Promise<ListenAddress> {
    const server = await this.listenOn({ host: at.address, port: at.port });
    return { address: at.address, port: (server.address() as AddressInfo).port };
  }

  /** Puts a revision in force: the next request of every connection is judged by it. */
  setPolicy(policy: PolicyRevision): void {
    this.context.policy = policy;
    for (const connection of this.open) connection.policyChanged();
  }

  /** Open connections, for status. */
  connections(): ConnectionStatus[] {
    return [...this.open].map((connection) => ({
      client: connection.parties.client,
      service: connection.parties.service,
      port: connection.parties.port,
      route: connection.route,
      kernelBytes: connection.link.state().kernelBytes,
    }));
  }

  /** Takes nothing new, lets requests under way end for at most `drainMs`, then closes everything. */
  async drain(): Promise<void> {
    // Capture stays until the end: a client that is refused must not reach the service past its policy.
    this.draining = true;
    for (const connection of this.open) connection.drain();
    const { clock, limits } = this.context;
    const until = clock.now() + limits.drainMs;
    while (this.open.size > 0 && clock.now() < until) {
      await new Promise<void>((resolve) => clock.after(20, resolve));
      for (const connection of this.open) connection.drain();
    }
    await this.close();
  }

  /** Closes everything at once. */
  async close(): Promise<void> {
    this.draining = true;
    this.stopSweep();
    await this.release?.();
    for (const connection of this.open) connection.abort();
    await Promise.all(this.servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  private listenOn(options: { host: string; port: number; ipv6Only?: boolean }): Promise<Server> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    this.servers.push(server);
    server.on("connection", (client: Socket) => this.take(client));
    return new Promise((resolve, reject) => {
      server.once("error", (cause: NodeJS.ErrnoException) => {
        const code = cause.code === "EADDRINUSE" ? "SM_PORT_IN_USE" : "SM_CONFIG_INVALID";
        reject(
          new SockmeshError(code, `cannot listen on ${options.host}:${options.port}: ${cause.message}`, {
            cause,
          }),
        );
      });
      server.listen({ ...options, backlog: 4096 }, () => resolve(server));
    });
  }

  private take(client: Socket): void {
    const { engine } = this;
    if (!engine) {
      client.destroy();
      return;
    }
    take(
      {
        context: this.context,
        engine,
        identify: this.identify,
        open: this.open,
        draining: () => this.draining,
      },
      client,
    );
  }

  private sweepLater(): void {
    this.stopSweep = this.context.clock.after(SWEEP_MS, () => {
      this.context.tick++;
      for (const connection of this.open) connection.sweep();
      this.sweepLater();
    });
  }
}
