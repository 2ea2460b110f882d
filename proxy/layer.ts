// SPDX-License-Identifier: Apache-2.0
import type { OutcomeName } from "../core/outcome.js";
import type { DenyReason, Request } from "../protocols/protocol.js";
import type { Connection } from "./connection.js";

/** Why a layer refuses a request: the name that is counted, and what the protocol's answer is about. */
export interface Refusal {
  readonly outcome: OutcomeName;
  readonly reason: DenyReason;
}

/** One step of the way through the sidecar. Layers keep no state: what they find stands in the connection. */
export interface Layer {
  readonly name: string;
  /** A client has connected. An outcome refuses it: the connection is reset. */
  open?(connection: Connection): OutcomeName | undefined;
  /** The head of a request has arrived. A refusal keeps it from the service. */
  request?(connection: Connection, request: Request): Refusal | undefined;
  /** The connection to the service is about to be made, in the same turn. */
  connecting?(connection: Connection): void;
  /** The connection to the service stands. */
  connected?(connection: Connection): void;
  /** Both sockets are closed. Called for every connection whose `open` was called. */
  closed?(connection: Connection): void;
}
