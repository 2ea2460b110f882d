// SPDX-License-Identifier: Apache-2.0
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { once } from "node:events";
import type { Clock } from "../../core/clock.js";
import { DEFAULT_LIMITS, type Limits } from "../../core/limits.js";
import { silentLog } from "../../core/log.js";
import { parsePolicies, PolicyStore, RESERVED, type PolicyRevision } from "../../l7policy/index.js";
import { http1 } from "../../protocols/http1/index.js";
import { memcached } from "../../protocols/memcached/index.js";
import type { AccessEntry } from "../../proxy/context.js";
import { Sidecar } from "../../proxy/sidecar.js";
import { UserSpaceEngine } from "../../sockmap/userspace.js";

/** The real clock. */
export const clock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after: (ms, action) => {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
};

/** A clock that runs only when a test says so; timers fire in order. */
export class FakeClock implements Clock {
  private time = 0;
  private timers: { at: number; action: () => void }[] = [];

  now(): number {
    return this.time;
  }

  wall(): number {
    return this.time;
  }

  after(ms: number, action: () => void): () => void {
    const timer = { at: this.time + ms, action };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((one) => one !== timer));
  }

  /** Lets time pass, second by second. */
  pass(ms: number): void {
    for (const end = this.time + ms; this.time < end;) {
      this.time += Math.min(1000, end - this.time);
      const due = this.timers.filter((timer) => timer.at <= this.time);
      this.timers = this.timers.filter((timer) => timer.at > this.time);
      for (const timer of due) timer.action();
    }
  }
}

/** HTTP rules as the body of a policy for every endpoint. */
export function httpPolicy(rules: string): string {
  return portPolicy(`http: ${rules}`);
}

/** The L7 part of a port as a policy for every endpoint and every port. */
export function portPolicy(rules: string): string {
  return `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: test }
spec:
  endpointSelector: {}
  ingress:
    - toPorts:
        - ports: [{ port: "1", endPort: 65535 }]
          rules: { ${rules.replace(/\s+/g, " ")} }`;
}

/** A sidecar in this process, in front of a service on loopback. */
export class TestSidecar {
  private constructor(
    readonly sidecar: Sidecar,
    readonly port: number,
    readonly access: readonly AccessEntry[],
    private readonly store: PolicyStore,
  ) {}

  /** Starts one that forwards to `servicePort`, with a policy (YAML). */
  static async start(
    servicePort: number,
    policy: string,
    more: { limits?: Partial<Limits>; clock?: Clock; access?: boolean } = {},
  ): Promise<TestSidecar> {
    const access: AccessEntry[] = [];
    const store = new PolicyStore();
    const service = store.identities.identityOf({ app: "service" });
    const sidecar = new Sidecar({
      limits: { ...DEFAULT_LIMITS, ...more.limits },
      clock: more.clock ?? clock,
      log: silentLog,
      protocols: [http1, memcached],
      policy: revision(store, policy),
      identify: () => ({
        client: RESERVED.world,
        clientIsEndpoint: false,
        service,
        serviceIsEndpoint: true,
        address: "127.0.0.1",
        port: servicePort,
      }),
      access: more.access ? (entry) => access.push(entry) : undefined,
    });
    await sidecar.capture(() => new UserSpaceEngine("test"));
    const { port } = await sidecar.listen({ address: "127.0.0.1", port: 0 });
    return new TestSidecar(sidecar, port, access, store);
  }

  /** Puts another policy in force. */
  setPolicy(policy: string): void {
    this.sidecar.setPolicy(revision(this.store, policy));
  }

  close(): Promise<void> {
    return this.sidecar.close();
  }
}

function revision(store: PolicyStore, text: string): PolicyRevision {
  const parsed = parsePolicies("test.yaml", text);
  if (!parsed.ok) throw new Error(parsed.errors.map((error) => error.describe()).join("\n"));
  return store.resolve(parsed.policies);
}

/** A service that a test scripts by hand; keeps every byte that it received. */
export class RecordingService {
  received = "";
  readonly sockets: Socket[] = [];

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async start(serve: (socket: Socket, service: RecordingService) => void): Promise<RecordingService> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const service = new RecordingService(server, (server.address() as AddressInfo).port);
    server.on("connection", (socket: Socket) => {
      service.sockets.push(socket);
      socket.on("error", () => {});
      socket.on("data", (bytes: Buffer) => (service.received += bytes.toString("latin1")));
      serve(socket, service);
    });
    return service;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    const closed = once(this.server, "close");
    this.server.close();
    await closed;
  }
}

/** A raw client: keeps what it receives, waits for what a test expects. */
export class RawClient {
  received = "";
  ended = false;
  error: string | undefined;
  readonly socket: Socket;

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    this.socket.on("data", (bytes: Buffer) => (this.received += bytes.toString("latin1")));
    this.socket.on("end", () => (this.ended = true));
    this.socket.on("error", (error: NodeJS.ErrnoException) => (this.error = error.code));
  }

  /** Sends text as it is. */
  send(text: string): this {
    this.socket.write(Buffer.from(text, "latin1"));
    return this;
  }

  /** Waits until what was received fulfils a condition. */
  async until(condition: (client: RawClient) => boolean): Promise<void> {
    for (const late = Date.now() + 30_000; !condition(this);) {
      if (Date.now() > late)
        throw new Error(
          `waited in vain; received ${JSON.stringify(this.received)}, ended ${this.ended}, error ${this.error}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  close(): void {
    this.socket.destroy();
  }
}
