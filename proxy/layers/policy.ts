// SPDX-License-Identifier: Apache-2.0
import type { Request } from "../../protocols/protocol.js";
import type { Layer, Refusal } from "../layer.js";
import type { L7RuleSet } from "../parties.js";

const POLICY: Refusal = { outcome: "denied:policy", reason: "policy" };
const MISSING: Refusal = { outcome: "hidden:keys", reason: "missing" };
const UPGRADE: Refusal = { outcome: "denied:upgrade", reason: "upgrade" };

/** Judges the connection, then each request: every rule set that holds must allow it. */
export const policy: Layer = {
  name: "policy",
  open({ terms }) {
    return terms.kind === "deny" ? "denied:peer" : undefined;
  },
  request({ terms, context }, request) {
    if (terms.kind === "allow") return undefined;
    if (terms.kind === "deny") return POLICY;
    for (const set of terms.sets) {
      if (!set.judge(request.fields)) {
        const refusal = hide(set, request);
        if (refusal) return refusal;
        context.counters.count("hidden:keys");
      }
      if (request.upgrade && !set.judgeUpgrade(request.fields)) return UPGRADE;
    }
    return undefined;
  },
};

/** Leaves out what is denied, where rules ask for that; undefined when something is left to be asked for. */
function hide(set: L7RuleSet, request: Request): Refusal | undefined {
  const hidden = set.hidden?.(request.fields);
  if (!hidden || !request.omit) return POLICY;
  return request.omit(hidden) ? undefined : MISSING;
}
