// SPDX-License-Identifier: Apache-2.0
import type { AddressInfo, Socket } from "node:net";
import type { Clock } from "../core/clock.js";
import { asSockmeshError } from "../core/errors.js";
import type { Limits } from "../core/limits.js";
import type { Log } from "../core/log.js";
import { OutcomeCounters, type OutcomeName } from "../core/outcome.js";
import type { PolicyRevision } from "../l7policy/policy.js";
import type { Protocol } from "../protocols/protocol.js";
import type { Release, SocketEngine } from "../sockmap/engine.js";
import type { AccessEntry } from "./access-log.js";
import { AuditLog } from "./audit-log.js";
import { Connection, type ConnectionState } from "./connection.js";
import type { ProxyContext } from "./context.js";
import { GroupCounters } from "./groups.js";
import type { Leg } from "./leg.js";
import { Listeners, type ListenAddress } from "./listeners.js";
import type { Identify } from "./parties.js";
import { retable } from "./revise.js";
import { descriptorOf } from "./sockets.js";
import { Staging } from "./staging.js";
import { TimerWheel } from "./wheel.js";

/** What a sidecar is made of. */
export interface SidecarParts {
  readonly limits: Limits;
  readonly clock: Clock;
  readonly log: Log;
  readonly protocols: readonly Protocol[];
  readonly policy: PolicyRevision;
  readonly identify: Identify;
  /** Streams that are open when a new policy denies them go on; else they are ended. */
  readonly keepStreams?: boolean;
  /** Undefined: no access log. */
  readonly access?: ((entry: AccessEntry) => void) | undefined;
}

/** One open connection, for status. */
export interface ConnectionStatus {
  /** Identities. */
  readonly client: number;
  readonly service: number;
  readonly port: number;
  /** Name of the protocol; `tcp` where nothing is inspected. */
  readonly protocol: string;
  readonly state: ConnectionState;
  /** How its bytes travel, or why not faster. */
  readonly route: OutcomeName;
  /** Requests forwarded. */
  readonly requests: number;
  readonly bytesFromClient: number;
  readonly bytesFromService: number;
  readonly kernelBytes: number;
}

/** Precision of all timeouts. */
const TICK_MS = 250;

/** The proxy: listens, judges, relays. Captured and explicitly forwarded connections take the same way. */
export class Sidecar {
  readonly counters = new OutcomeCounters();
  readonly groups = new GroupCounters();
  private readonly context: Omit<ProxyContext, "engine"> & { engine: SocketEngine | undefined };
  private readonly open = new Set<Connection>();
  private readonly listeners = new Listeners((accepted) => this.take(accepted));
  private release: Release | undefined;
  private emptied: (() => void) | undefined;

  constructor(parts: SidecarParts) {
    const { limits, clock, log, protocols, policy, identify, keepStreams = false, access } = parts;
    this.context = {
      limits,
      clock,
      wheel: new TimerWheel(clock, TICK_MS),
      log,
      counters: this.counters,
      groups: this.groups,
      protocols: new Map(protocols.map((protocol) => [protocol.name, protocol])),
      identify,
      engine: undefined,
      policy,
      keepStreams,
      audits: new AuditLog(clock, log),
      draining: false,
      connections: 0,
      access,
      toClients: new Staging<Leg>(),
      toServices: new Staging<Leg>(),
    };
  }

  /**
   * Opens the listeners for captured connections on both loopback addresses (IPv6 where there is one) and has the engine
   * hand them over. `make` builds the engine: it wants a descriptor of a socket of this process.
   */
  async capture(make: (socketFd: number) => SocketEngine): Promise<SocketEngine> {
    const { ipv4, ipv6, port } = await this.listeners.openPair();
    const engine = make(descriptorOf(ipv4));
    this.context.engine = engine;
    this.release = await engine.capture({
      ipv4Fd: descriptorOf(ipv4),
      ipv6Fd: ipv6 ? descriptorOf(ipv6) : -1,
      port,
    });
    return engine;
  }

  /** Listens on an address of the operator's, for machines without capture. Port 0: any. Throws SM_PORT_IN_USE. */
  async listen(at: ListenAddress): Promise<ListenAddress> {
    const server = await this.listeners.open(at);
    return { address: at.address, port: (server.address() as AddressInfo).port };
  }

  /** Puts a revision in force: it judges the next request of every connection, and ends those that it denies. */
  setPolicy(policy: PolicyRevision): void {
    this.context.policy = policy;
    this.identitiesChanged();
  }

  /** Asks again who the parties of every connection are, and what is allowed to them. */
  identitiesChanged(): void {
    for (const connection of this.open) this.judgeAnew(connection);
  }

  private judgeAnew(connection: Connection): void {
    try {
      connection.policyChanged();
    } catch (thrown) {
      // Its rules cannot be compiled: rather closed than judged by others.
      const { message } = asSockmeshError(thrown, "SM_POLICY_REGEX");
      this.context.log.error({ error: message }, "a connection cannot be judged any more");
      connection.count("ended:policy");
      connection.abort();
    }
  }

  /** Tables that connections were waiting for have been compiled. */
  tablesReady(): void {
    for (const connection of this.open) retable(connection);
  }

  /** Open connections, for status. */
  connections(): ConnectionStatus[] {
    return Array.from(this.open, (connection) => ({
      client: connection.parties.client,
      service: connection.parties.service,
      port: connection.parties.port,
      protocol: connection.protocol?.name ?? "tcp",
      state: connection.state,
      route: connection.route,
      requests: connection.requests,
      bytesFromClient: connection.bytesFromClient,
      bytesFromService: connection.bytesFromService,
      kernelBytes: connection.link?.state().kernelBytes ?? 0,
    }));
  }

  /** Takes nothing new, lets requests under way end for at most `drainMs`, then closes everything. */
  async drain(): Promise<void> {
    this.context.draining = true;
    await this.stopListening();
    for (const connection of this.open) connection.drain();
    const { clock, limits } = this.context;
    if (this.open.size > 0) {
      await new Promise<void>((resolve) => {
        const cancel = clock.after(limits.drainMs, resolve);
        this.emptied = () => {
          cancel();
          resolve();
        };
      });
    }
    await this.close();
  }

  /** Closes everything at once. Idempotent. */
  async close(): Promise<void> {
    this.context.draining = true;
    await this.stopListening();
    for (const connection of this.open) connection.abort();
  }

  private async stopListening(): Promise<void> {
    await this.release?.();
    await this.listeners.close();
  }

  private take(accepted: Socket): void {
    const { engine, log } = this.context;
    try {
      // Listeners open before the engine is known, which needs a socket of this process; nobody has their address yet.
      if (!engine) throw new Error("there is no engine yet");
      const connection = Connection.accept(this.context as ProxyContext, accepted, (closed) => {
        this.open.delete(closed);
        if (this.open.size === 0) this.emptied?.();
      });
      if (connection) this.open.add(connection);
    } catch (thrown) {
      log.error({ error: asSockmeshError(thrown, "SM_BPF_MAP").message }, "a connection was not taken");
      accepted.destroy();
    }
  }
}
