// SPDX-License-Identifier: Apache-2.0
import type { Connection } from "./connection.js";
import { partiesOf } from "./layers/identify.js";
import { denial, isAudited, termsOf, type Terms } from "./parties.js";
import { isWaiting, tablesOf } from "./tables.js";

/**
 * Puts an open connection under the policy and the identities that are now in force. Ends it when they allow nothing any
 * more, or what cannot be enforced midway.
 */
export function revise(connection: Connection): void {
  const { policy, keepStreams, counters } = connection.context;
  // Whoever has no identity any more has ended.
  connection.parties = partiesOf(connection) ?? connection.parties;
  const own = termsOf(policy, connection.parties);
  // Audit denies nothing.
  const terms = policy.audit && !fits(connection, own) ? denial(policy) : own;
  if (fits(connection, terms)) {
    if (isAudited(terms) && !isAudited(connection.terms)) {
      connection.audit("audited:peer");
      counters.count("audited:peer");
    }
    return judgeBy(connection, terms);
  }
  // A stream that goes on keeps its terms; where requests are told apart, the next one is refused.
  if (keepStreams) {
    if (connection.relay.inspects) judgeBy(connection, { kind: "deny" });
    return;
  }
  connection.terms = { kind: "deny" };
  connection.count("ended:policy");
  connection.abort();
}

/** Lets the kernel judge a connection with tables that have been compiled meanwhile. */
export function retable(connection: Connection): void {
  if (connection.state === "open" && isWaiting(connection.terms)) judgeBy(connection, connection.terms);
}

function judgeBy(connection: Connection, terms: Terms): void {
  const { relay, protocol, splicing } = connection;
  connection.terms = terms;
  splicing?.judge(tablesOf(terms, relay.inspects ? protocol?.name : undefined));
}

/** True when a connection as it is now may go on under some terms: each of its requests is judged, or all is allowed. */
function fits({ protocol, relay, tunnel }: Connection, terms: Terms): boolean {
  if (terms.kind !== "l7") return terms.kind === "allow";
  if (terms.protocol !== protocol?.name) return false;
  if (relay.inspects) return true;
  return !!tunnel && terms.sets.every((set) => set.judge(tunnel) && set.judgeUpgrade(tunnel));
}
