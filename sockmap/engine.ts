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

/**
 * The process that called connect(2), as it was then. Later it may run another program or have ended, and its socket may
 * be another's.
 */
export interface ConnectingProcess {
  /** In the first pid namespace. */
  readonly pid: number;
  /** When it began, in nanoseconds since boot: with the pid it names one process. */
  readonly startNs: bigint;
  /** Its real user, in the first user namespace. */
  readonly uid: number;
  /** Id of its cgroup: the inode of the directory. */
  readonly cgroup: bigint;
  /** The file that it runs, as stat(2) tells a file of most file systems. */
  readonly executable: { readonly device: bigint; readonly inode: bigint };
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
  /** Who opened the client socket; undefined when that was not recorded, see {@link SocketEngine.recordProcesses}. */
  readonly process?: ConnectingProcess | undefined;
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

/**
 * Where a direction's framing stands: 0 between two messages, n > 0 with n bytes of a body to come, -1 - n within a chunked
 * body with n bytes of the current chunk and its line end to come (0: before a size line).
 */
export type Body = number;

/** Tables that the kernel judges one connection with; see core/table.ts. */
export interface Tables {
  /** Judges requests. Undefined: whole streams are allowed, nothing is inspected. */
  readonly requests: Table | undefined;
  /** Reads responses. */
  readonly responses: Table | undefined;
  /** True: commands and answers of memcached, not requests and responses of HTTP. */
  readonly memcached?: boolean;
}

/** A compiled table. Equal ids mean equal bytes: they are loaded once. */
export interface Table {
  readonly id: string;
  readonly bytes: Uint8Array;
  /** False when only TypeScript can run it: everything goes the slow way. */
  readonly kernel: boolean;
  /** Rules that are counted apart. */
  readonly rules: number;
  /** Names of what is counted where that is no rule, e.g. groups of commands: `rules` of them. */
  readonly groups?: readonly string[];
}

/** Directions of a connection: `f` client to service, `r` back. */
export type Direction = "f" | "r";

/**
 * The kernel's half of level splice for one connection. The sidecar holds a direction from the first slow byte that it
 * receives until it hands it back; while it does not, the kernel may move messages past it. docs/splice.md has the rule.
 * All counters are modulo 2^32.
 */
export interface Splice {
  /** Lets the kernel judge with these tables from the next message on. */
  judge(tables: Tables): void;
  /** Requests and final responses that the kernel moved. */
  requests(): number;
  responses(): number;
  /**
   * Position of the last moved request whose answer is framed otherwise than most (HTTP HEAD), among all requests that
   * reached the service, the first being 1.
   */
  markedRequest(): number;
  /** True when the kernel has moved anything in a direction. */
  moved(direction: Direction): boolean;
  /** Framing that the kernel left in a direction; to be read when the sidecar takes it. */
  body(direction: Direction): Body;
  /** The sidecar forwards a request that will be answered, or a final response: to be called before the bytes are written. */
  forwarded(direction: Direction): void;
  /**
   * Everything received so far, `received` bytes in all, is dealt with, and the parser stands at `body`. To be called only
   * when all that was written in this direction is with the kernel.
   */
  handBack(direction: Direction, received: number, body: Body): void;
  /** Sends the service's messages through the sidecar from now on, or no longer. */
  holdResponses(hold: boolean): void;
  /** Whether all that the kernel moved from the service is in the client's queue for certain. */
  delivered(): "yes" | "not yet" | "cannot tell";
  /** A slow byte of the service, or its FIN, has arrived: what it sent before is in the client's queue. */
  proveDelivered(): void;
  /** Takes both directions away from the kernel for good. */
  stop(): void;
}

/**
 * What a reader may be sent. What goes past TCP meets no window of the reader: the sender has to look. Without this the
 * reader's window holds, or the kernel goes over to TCP by itself.
 */
export interface Room {
  /** True when the reader has taken enough of what was moved to it. False: `onWake` of the link is called when it has. */
  available(): boolean;
  /** True when the reader's socket is gone: it takes nothing any more. */
  deserted(): boolean;
}

/** One connection through the sidecar, both legs. Made by {@link SocketEngine.accepted}; freed by `close`. */
export interface Link {
  readonly accepted: Accepted;
  /** The kernel's half of level splice, where the client's socket is ready for it. */
  readonly splice: Splice | undefined;
  /** Called when room may have come, or when `delivered` of the splice, while responses are held, may have become true. */
  onWake: (() => void) | undefined;
  /** Room at the receiver of a direction, from `connected` on for `f`; undefined where the sender need not look. */
  room(direction: Direction): Room | undefined;
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
  /** True when it is recorded which processes connect. */
  readonly recordProcesses?: boolean;
}

/** What the kernel counted of requests that it moved. */
export interface SplicedTotals {
  readonly requests: number;
  /** Responses by the first digit of their status. */
  readonly classes: readonly number[];
  /** Requests by log2 of the microseconds to the end of their response. */
  readonly latency: readonly number[];
  /** Requests by the groups that tables name. */
  readonly groups: Readonly<Record<string, number>>;
}

/** Totals of the engine since it started. */
export interface EngineTotals {
  /** Per outcome name, as counted in the kernel. */
  readonly outcomes: Partial<Record<OutcomeName, number>>;
  /** Bytes moved past TCP. */
  readonly kernelBytes: number;
  /** Bytes that sockets of links sent over TCP. */
  readonly tcpBytes: number;
  /** Requests that skipped the sidecar. */
  readonly spliced: SplicedTotals;
  /** Numbers of endpoints that were put back to TCP because sockmaps break one of their readers. */
  readonly incompatible: readonly number[];
}

/** Totals of an engine that has moved nothing. */
export const NO_TOTALS: EngineTotals = {
  outcomes: {},
  kernelBytes: 0,
  tcpBytes: 0,
  spliced: { requests: 0, classes: [], latency: [], groups: {} },
  incompatible: [],
};

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
  /** Why readers that sockmaps break are not seen by how they read; undefined when they are. */
  readonly blind?: string | undefined;
  /** Starts handing captured connections to the listeners. The user-space engine captures nothing. */
  capture(listeners: Listeners): Promise<Release>;
  /** Makes a cgroup an endpoint; connections of its listening ports are captured from the next connect on. */
  addEndpoint(terms: EndpointTerms): Promise<Release>;
  /**
   * Drops the datagrams that come for these ports of an endpoint from now on, but for sockets that are connected or did not
   * ask for their port by number: clients; in place of those named before. 0: every port. Throws SM_BPF_ATTACH, SM_BPF_MAP.
   * The user-space engine captures nothing and drops nothing.
   */
  closeUdp(endpoint: number, ports: readonly number[]): void;
  /** Has the outgoing connects of an endpoint go through the sidecar from now on, or not. Throws SM_BPF_ATTACH. */
  captureEgress(endpoint: number, on: boolean): void;
  /** Has it recorded which processes of an endpoint connect from now on, or not. Throws SM_BPF_ATTACH. */
  recordProcesses(endpoint: number, on: boolean): void;
  /** Looks at a socket that a listener accepted. */
  accepted(fd: number): Link;
  totals(): EngineTotals;
  /** Puts the programs of the installed object in the place of those that run; see the kernel engine. */
  upgrade?(): void;
  /** Detaches everything; live connections go on over TCP or to their end. Idempotent. */
  stop(): Promise<void>;
}
