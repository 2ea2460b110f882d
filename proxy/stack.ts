// SPDX-License-Identifier: Apache-2.0
import type { OutcomeName } from "../core/outcome.js";
import type { Request } from "../protocols/protocol.js";
import type { Connection } from "./connection.js";
import type { Layer, Refusal } from "./layer.js";
import { accept } from "./layers/accept.js";
import { identify } from "./layers/identify.js";
import { limits } from "./layers/limits.js";
import { link } from "./layers/link.js";
import { policy } from "./layers/policy.js";
import { protocol } from "./layers/protocol.js";
import { record } from "./layers/record.js";
import { upstream } from "./layers/upstream.js";

/** The way of every connection, and of every request on it, from the client to the service. */
export const STACK: readonly Layer[] = [
  accept, // first: whoever is turned away for load costs no look-up
  identify, // before any byte is read: from what the kernel knows of the socket, not from what the client says
  protocol, // who talks to whom decides what is spoken; guessing it from the bytes would be a way around policy
  limits, // before policy: judging costs time, and a refusal for load is the same for all
  policy, // last of those that can refuse: what gets past it is allowed
  link, // before upstream: the kernel must expect the connect(2) that follows
  upstream, // connects once there is something allowed to send
  record, // at the end: counts what went all the way
];

const OPEN = STACK.filter((layer) => layer.open);
const REQUEST = STACK.filter((layer) => layer.request);

/** A client has connected: returns why it is refused, undefined when it may talk. */
export function open(connection: Connection): OutcomeName | undefined {
  for (const layer of OPEN) {
    const outcome = layer.open?.(connection);
    if (outcome !== undefined) return outcome;
  }
  return undefined;
}

/** A request's head has arrived: returns why it is refused, undefined when it goes to the service. */
export function request(connection: Connection, message: Request): Refusal | undefined {
  for (const layer of REQUEST) {
    const refusal = layer.request?.(connection, message);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** To be called in the turn that connects to the service. */
export function connecting(connection: Connection): void {
  for (const layer of STACK) layer.connecting?.(connection);
}

/** The connection to the service stands. */
export function connected(connection: Connection): void {
  for (const layer of STACK) layer.connected?.(connection);
}

/** Both sockets are closed. */
export function closed(connection: Connection): void {
  for (const layer of STACK) layer.closed?.(connection);
}
