// SPDX-License-Identifier: Apache-2.0
import type { ErrorCode } from "../../core/errors.js";
import type { OutcomeName } from "../../core/outcome.js";
import type { Identity, Labels } from "../../l7policy/policy.js";
import type { GroupCounts } from "../../proxy/groups.js";
import type { EngineTotals, Level, SocketEngine } from "../../sockmap/engine.js";
import type { Acknowledgement } from "./enforcement.js";

/**
 * What goes over the agent's Unix socket: one JSON object a line, one answer for each request, in order.
 * The connection that made an endpoint holds it: when it closes, the endpoint lives as long as a process in its cgroup.
 */
export type ControlRequest =
  | { readonly op: "status" }
  | ({ readonly op: "endpoint" } & EndpointRequest)
  /** Gives an endpoint other labels, all of them. */
  | { readonly op: "labels"; readonly number: number; readonly labels: Labels };

/** What `exec` asks for. */
export interface EndpointRequest {
  readonly name: string;
  readonly labels: Labels;
  /** Ports that stay on plain TCP through the sidecar. */
  readonly optOutPorts: readonly number[];
  /** Its ports by the names that rules may use. */
  readonly ports?: Readonly<Record<string, number>>;
  /** Highest level; undefined for the agent's default. */
  readonly level?: Level;
  /** Directory of the cgroup that the process came from, and goes back to if the agent stops first. */
  readonly origin: string;
}

/** Answer to a {@link ControlRequest}. */
export type ControlReply =
  | { readonly ok: true; readonly endpoint: EndpointStatus }
  | { readonly ok: true; readonly status: AgentStatus }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

/** One endpoint as `status` shows it. */
export interface EndpointStatus {
  readonly number: number;
  readonly name: string;
  readonly labels: Labels;
  /** That of its labels; while they have just changed, still the one before. */
  readonly identity: Identity;
  readonly cgroup: string;
  readonly level: Level;
  readonly optOutPorts: readonly number[];
  readonly ports: Readonly<Record<string, number>>;
  /** The revision that judges it. */
  readonly policy: Acknowledgement;
}

/** What `sockmesh status` shows. */
export interface AgentStatus {
  readonly version: string;
  readonly pid: number;
  readonly socket: string;
  readonly engine: {
    readonly name: SocketEngine["name"];
    readonly level: Level;
    /** Why not more. */
    readonly because: string | null;
  };
  readonly policy: {
    readonly revision: number;
    /** Milliseconds from the moment that the change was noticed until it was in force. */
    readonly ms: number;
    readonly enforcement: "default" | "always" | "never";
    readonly audit: boolean;
    readonly files: readonly string[];
    /** Why the newest files are not in force; the last good ones are. Empty when they are. */
    readonly errors: readonly string[];
  };
  readonly listen: readonly { readonly address: string; readonly service: string }[];
  readonly endpoints: readonly EndpointStatus[];
  /** Open client connections. */
  readonly connections: number;
  /** Decisions of the sidecar by outcome name. */
  readonly outcomes: Partial<Record<OutcomeName, number>>;
  /** The same of requests whose protocol has groups, by protocol and group. What the kernel moved is in `totals`. */
  readonly groups: GroupCounts;
  /** What the kernel counted. */
  readonly totals: EngineTotals;
}

/** Longest line either side accepts, in bytes. */
export const MAX_LINE = 1 << 20;
