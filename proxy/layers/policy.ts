// SPDX-License-Identifier: Apache-2.0
import type { Request } from "../../protocols/protocol.js";
import type { Layer, Refusal } from "../layer.js";
import { isAudited, type Terms } from "../parties.js";

const POLICY: Refusal = { outcome: "denied:policy", reason: "policy" };
const UPGRADE: Refusal = { outcome: "denied:upgrade", reason: "upgrade" };

/** Why terms do not allow a request; undefined when they do. */
function refusal(terms: Terms, request: Request): Refusal | undefined {
  if (terms.kind === "allow") return undefined;
  if (terms.kind === "deny") return POLICY;
  for (const set of terms.sets) {
    if (!set.judge(request.fields)) return POLICY;
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
    const refused = refusal(connection.terms, request);
    if (!refused || !connection.context.policy.audit) {
      connection.verdict = "allowed";
      return refused;
    }
    connection.audit("audited:policy", request);
    return undefined;
  },
};
