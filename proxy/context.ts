// SPDX-License-Identifier: Apache-2.0
import type { Clock } from "../core/clock.js";
import type { Limits } from "../core/limits.js";
import type { Log } from "../core/log.js";
import type { OutcomeCounters } from "../core/outcome.js";
import type { PolicyRevision } from "../l7policy/policy.js";
import type { Protocol } from "../protocols/protocol.js";
import type { SocketEngine } from "../sockmap/engine.js";
import type { AccessEntry } from "./access-log.js";
import type { AuditLog } from "./audit-log.js";
import type { GroupCounters } from "./groups.js";
import type { Leg } from "./leg.js";
import type { Identify } from "./parties.js";
import type { Staging } from "./staging.js";
import type { TimerWheel } from "./wheel.js";

export type { AccessEntry } from "./access-log.js";

/** What all connections of a sidecar share. */
export interface ProxyContext {
  readonly limits: Limits;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly log: Log;
  readonly counters: OutcomeCounters;
  /** The same of requests, by the groups of their protocols. */
  readonly groups: GroupCounters;
  readonly protocols: ReadonlyMap<string, Protocol>;
  readonly identify: Identify;
  engine: SocketEngine;
  /** The revision in force. */
  policy: PolicyRevision;
  /** Streams that are open go on when a new policy denies them. */
  readonly keepStreams: boolean;
  /** Nothing new is taken any more. */
  draining: boolean;
  /** Connections that are open. */
  connections: number;
  /** Tells what audit let through. */
  readonly audits: AuditLog;
  /** Undefined when the access log is off. */
  readonly access: ((entry: AccessEntry) => void) | undefined;
  /** What one turn writes to clients, and to services. */
  readonly toClients: Staging<Leg>;
  readonly toServices: Staging<Leg>;
}
