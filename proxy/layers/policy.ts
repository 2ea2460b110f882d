// SPDX-License-Identifier: Apache-2.0
import type { Layer, Refusal } from "../layer.js";

const POLICY: Refusal = { outcome: "denied:policy", reason: "policy" };
const UPGRADE: Refusal = { outcome: "denied:upgrade", reason: "upgrade" };

/** Judges the connection, then each request: every rule set that holds must allow it. */
export const policy: Layer = {
  name: "policy",
  open({ terms }) {
    return terms.kind === "deny" ? "denied:peer" : undefined;
  },
  request({ terms }, request) {
    if (terms.kind === "allow") return undefined;
    if (terms.kind === "deny") return POLICY;
    for (const set of terms.sets) {
      if (!set.judge(request.fields)) return POLICY;
      if (request.upgrade && !set.judgeUpgrade(request.fields)) return UPGRADE;
    }
    return undefined;
  },
};
