// SPDX-License-Identifier: Apache-2.0
import type { OutcomeName } from "../core/outcome.js";
import type { Connection } from "./connection.js";

/** One line of the access log; keys as Envoy and Istio users know them, then sockmesh's own. */
export interface AccessEntry {
  /** ISO 8601, of the request's head (of the connection where nothing is inspected). */
  readonly start_time: string;
  /** In the protocol's words, e.g. `GET /x`; empty where nothing is inspected. */
  readonly request: string;
  /** Name of the protocol; `tcp` where nothing is inspected. */
  readonly protocol: string;
  /** As the protocol counts it; 0 where there is none. */
  readonly response_code: number;
  /** Envoy's short names of what went wrong, e.g. `UF`; `-` for nothing. */
  readonly response_flags: string;
  readonly bytes_received: number;
  readonly bytes_sent: number;
  /** Milliseconds from the request's head to its answer's end. */
  readonly duration: number;
  readonly downstream_remote_address: string;
  readonly upstream_host: string;
  readonly source_identity: number;
  readonly destination_identity: number;
  /** Name of the decision or failure, see core/outcome.ts. */
  readonly outcome: OutcomeName;
  /** How the bytes travelled, e.g. `shortcut`, or why not faster. */
  readonly route: OutcomeName;
  /** Texts that policies with a rule on this connection put on record (`log.value`). */
  readonly policy_log: readonly string[];
}

/** What an entry tells beyond its connection. */
export interface Recorded {
  readonly request: string;
  readonly status: number;
  readonly outcome: OutcomeName;
  /** Milliseconds of the clock. */
  readonly started: number;
  readonly received: number;
  readonly sent: number;
}

const FLAGS: Partial<Record<OutcomeName, string>> = {
  "denied:policy": "UAEX",
  "denied:upgrade": "UAEX",
  "denied:peer": "UAEX",
  "denied:malformed": "DPE",
  "denied:limit": "UO",
  "ended:policy": "UAEX",
  "failed:upstream-connect": "UF",
  "failed:upstream-reset": "UC",
  "failed:upstream-malformed": "UPE",
  "failed:timeout": "SI",
  "refused:draining": "LH",
};

/** Puts an entry together. Only called when the log is on. */
export function accessEntry(connection: Connection, recorded: Recorded): AccessEntry {
  const { context, parties, client, protocol } = connection;
  const duration = context.clock.now() - recorded.started;
  return {
    start_time: new Date(context.clock.wall() - duration).toISOString(),
    request: recorded.request,
    protocol: protocol?.name ?? "tcp",
    response_code: recorded.status,
    response_flags: FLAGS[recorded.outcome] ?? "-",
    bytes_received: recorded.received,
    bytes_sent: recorded.sent,
    duration,
    downstream_remote_address: connection.remote || `${client.socket.remoteAddress ?? ""}`,
    upstream_host: `${parties.address}:${parties.port}`,
    source_identity: parties.client,
    destination_identity: parties.service,
    outcome: recorded.outcome,
    route: connection.route,
    policy_log: connection.policyLog,
  };
}
