// SPDX-License-Identifier: Apache-2.0
import type { Clock } from "../core/clock.js";
import type { Limits } from "../core/limits.js";
import type { Log } from "../core/log.js";
import type { OutcomeCounters } from "../core/outcome.js";
import type { PolicyRevision } from "../l7policy/policy.js";
import type { Protocol } from "../protocols/protocol.js";

/** One line of the access log; keys as Envoy and Istio users know them. */
export interface AccessEntry {
  readonly start_time: string;
  readonly request: string;
  readonly protocol: string;
  readonly response_code: number;
  /** Milliseconds from the request's head to its answer's end. */
  readonly duration: number;
  readonly downstream_remote_address: string;
  readonly upstream_host: string;
  readonly source_identity: number;
  readonly destination_identity: number;
  /** An outcome's name. */
  readonly outcome: string;
  readonly route: string;
}

/** What all connections of a sidecar share. */
export interface ProxyContext {
  readonly limits: Limits;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: OutcomeCounters;
  readonly protocols: ReadonlyMap<string, Protocol>;
  /** The revision in force; looked at anew for each request. */
  policy: PolicyRevision;
  /** Undefined when the access log is off. */
  readonly access: ((entry: AccessEntry) => void) | undefined;
  /** Seconds that the sweep has counted: a clock that costs nothing to read. */
  tick: number;
}
