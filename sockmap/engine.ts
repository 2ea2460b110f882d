// SPDX-License-Identifier: Apache-2.0
import type { OutcomeName } from "../core/outcome.js";

/** How allowed bytes travel: plain TCP; past the TCP stack between the sidecar and its neighbours; past the sidecar. */
export type Level = "off" | "shortcut" | "splice";

/** What was found about one ability of this machine; "cannot tell" is never taken for "yes". */
export interface Ability {
  readonly answer: "yes" | "no" | "cannot tell";
  /** What was looked at and found, in one line. */
  readonly reason: string;
  /** What an operator can do about a "no"; empty for a "yes". */
  readonly remedy: string;
}

/** What the kernel knows of a connection that the sidecar accepted. */
export interface Accepted {
  /** Cookie of the sidecar's accepted socket. */
  readonly cookie: bigint;
  /** Number of the endpoint whose process opened the client socket; 0 when it is no endpoint of this agent. */
  readonly clientEndpoint: number;
  /** Number of the endpoint that the connection was captured for; 0 when not captured by the kernel. */
  readonly serviceEndpoint: number;
  /** Where the client wanted to go, when its connect was redirected (egress capture); else undefined: the local address is it. */
  readonly original: { readonly address: string; readonly port: number } | undefined;
  /** Level of the client-to-sidecar leg, or why it is off. */
  readonly outcome: OutcomeName;
}

/** Counters of one connection as moved by the kernel. Bytes and requests. */
export interface LinkState {
  /** Bytes of either leg that the kernel moved past TCP. */
  readonly kernelBytes: number;
  /** Requests that the kernel judged and moved (level splice). */
  readonly requests: number;
}

/** One connection through the sidecar, both legs. Made by {@link SocketEngine.accepted}; freed by `close`. */
export interface Link {
  readonly accepted: Accepted;
  /** Prepares the next connect of this process: the kernel ties it to this link. Call right before `connect(2)`. */
  beforeConnect(): void;
  /** The upstream socket is connected; fd is its descriptor. Returns the level reached, or why not. */
  connected(upstreamFd: number): OutcomeName;
  /** The sidecar has read that many more bytes from the client; publishes credit. */
  readFromClient(bytes: number): void;
  /** The sidecar has read that many more bytes from the service; publishes credit. */
  readFromService(bytes: number): void;
  /** What the kernel moved so far. */
  state(): LinkState;
  /** Both sockets are closed or about to be. Idempotent. */
  close(): void;
}

/** A workload on this node, as the engine sees it. */
export interface EndpointTerms {
  /** Number of the endpoint, 1..65535, chosen by the caller, unique on the node. */
  readonly number: number;
  /** Directory of its cgroup v2. */
  readonly cgroup: string;
  /** Highest level for its connections. */
  readonly level: Level;
  /** Service ports that stay on plain TCP, by request of the operator. */
  readonly optOutPorts: readonly number[];
  /** True when its outgoing connects go through the sidecar. */
  readonly captureEgress: boolean;
}

/** Totals of the engine since it started. */
export interface EngineTotals {
  /** Per outcome name, as counted in the kernel. */
  readonly outcomes: Partial<Record<OutcomeName, number>>;
  /** Bytes moved past TCP. */
  readonly kernelBytes: number;
  /** Bytes that sockets of links sent over TCP. */
  readonly tcpBytes: number;
}

/** The sidecar's listening sockets that captured connections are handed to. */
export interface Listeners {
  readonly ipv4Fd: number;
  readonly ipv6Fd: number;
  readonly port: number;
}

/** Undoes what the call that returned it did; idempotent. */
export type Release = () => Promise<void>;

/**
 * The socket engine: captures connections of endpoints and moves their bytes in the kernel where it can.
 * Two implementations: the kernel's, and the user-space one whose every connection is `off`.
 */
export interface SocketEngine {
  readonly name: "kernel" | "user-space";
  /** Highest level that this engine reaches here. */
  readonly level: Level;
  /** Why not higher; undefined at full strength. */
  readonly because: string | undefined;
  /** Starts handing captured connections to the listeners. The user-space engine captures nothing. */
  capture(listeners: Listeners): Promise<Release>;
  /** Makes a cgroup an endpoint; connections of its listening ports are captured from the next connect on. */
  addEndpoint(terms: EndpointTerms): Promise<Release>;
  /** Looks at a socket that a listener accepted. */
  accepted(fd: number): Link;
  totals(): EngineTotals;
  /** Detaches everything; live connections go on over TCP or to their end. Idempotent. */
  stop(): Promise<void>;
}
