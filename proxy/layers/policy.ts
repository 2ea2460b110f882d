// SPDX-License-Identifier: Apache-2.0
import type { Request } from "../../protocols/protocol.js";
import type { Connection } from "../connection.js";
import type { Layer, Refusal } from "../layer.js";
import { isAudited, type L7RuleSet } from "../parties.js";

const POLICY: Refusal = { outcome: "denied:policy", reason: "policy" };
const MISSING: Refusal = { outcome: "hidden:keys", reason: "missing" };
const UPGRADE: Refusal = { outcome: "denied:upgrade", reason: "upgrade" };

/** Why policy does not allow a request; undefined when it does. */
function refusal({ terms, context }: Connection, request: Request): Refusal | undefined {
  if (terms.kind === "allow") return undefined;
  if (terms.kind === "deny") return POLICY;
  for (const set of terms.sets) {
    if (!set.judge(request.fields)) {
      // Audit takes nothing out of a request either.
      const refused = context.policy.audit ? POLICY : hide(set, request);
      if (refused) return refused;
      context.counters.count("hidden:keys");
    }
    if (request.upgrade && !set.judgeUpgrade(request.fields)) return UPGRADE;
  }
  return undefined;
}

/** Judges the connection, then each request: every rule set that holds must allow it. */
export const policy: Layer = {
  name: "policy",
  open(connection) {
    const { terms } = connection;
    if (terms.kind === "deny") return "denied:peer";
    if (isAudited(terms)) connection.audit("audited:peer");
    return undefined;
  },
  request(connection, request) {
    const refused = refusal(connection, request);
    if (!refused || !connection.context.policy.audit) {
      connection.verdict = "allowed";
      return refused;
    }
    connection.audit("audited:policy", request);
    return undefined;
  },
};

/** Leaves out what is denied, where rules ask for that; undefined when something is left to be asked for. */
function hide(set: L7RuleSet, request: Request): Refusal | undefined {
  const hidden = set.hidden?.(request.fields);
  if (!hidden || !request.omit) return POLICY;
  return request.omit(hidden) ? undefined : MISSING;
}
