// SPDX-License-Identifier: Apache-2.0
import type { Socket } from "node:net";
import type { OutcomeName } from "../core/outcome.js";
import type { SocketEngine } from "../sockmap/engine.js";
import { Connection } from "./connection.js";
import type { ProxyContext } from "./context.js";
import { termsOf, type Identify, type Terms } from "./parties.js";
import { descriptorOf } from "./upstream.js";

/** What the stack needs beside the shared context. */
export interface StackParts {
  readonly context: ProxyContext;
  readonly engine: SocketEngine;
  readonly identify: Identify;
  /** Connections that are open. */
  readonly open: Set<Connection>;
  readonly draining: () => boolean;
}

const DENY: Terms = { kind: "deny" };

/**
 * The way of a connection through the sidecar, read from top to bottom. Requests then go round inside the connection:
 * protocol (bytes become messages), limits (in the decoder, before anything is kept), policy (each request is judged),
 * link (the engine is told before bytes move), upstream (opened by the first allowed bytes), record (after the answer).
 */
export function take(parts: StackParts, client: Socket): void {
  const { context, engine } = parts;
  // 1. accept: first of all limits on connections, so that a flood costs nothing further.
  if (parts.draining()) return turnAway(context, client, "refused:draining");
  if (parts.open.size >= context.limits.connections) return turnAway(context, client, "denied:limit");
  // 2. identify: before any byte is read, from what the kernel knows of the socket.
  const link = engine.accepted(descriptorOf(client));
  const parties = parts.identify(link.accepted, {
    remoteAddress: client.remoteAddress ?? "",
    remotePort: client.remotePort ?? 0,
    localAddress: client.localAddress ?? "",
    localPort: client.localPort ?? 0,
  });
  // 3. peer policy: a client that may not speak at all gets no parser.
  const terms = parties ? termsOf(context.policy, parties) : DENY;
  if (!parties || terms.kind === "deny" || (terms.kind === "l7" && !context.protocols.has(terms.protocol))) {
    link.close();
    return turnAway(context, client, "denied:peer");
  }
  // 4. the connection itself: protocol, limits, policy, link, upstream, record.
  parts.open.add(
    new Connection(context, client, link, parties, terms, (closed) => parts.open.delete(closed)),
  );
}

function turnAway(context: ProxyContext, client: Socket, outcome: OutcomeName): void {
  context.counters.count(outcome);
  client.on("error", () => {});
  client.resetAndDestroy();
}
