// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadPolicies, policyFiles, type ParsedFiles } from "../../cli/agent/policies.js";
import { RESERVED } from "../../l7policy/identity/reserved.js";
import { PolicyStore } from "../../l7policy/resolve/store.js";
import type { Policy } from "../../l7policy/model.js";
import { RuleSetCache } from "../../l7policy/ruleset.js";
import type { Figures } from "./alone.js";
import { allowedRequest, pathRules, policyText } from "./rules.js";

const RULES = 10_000;
const PORT = 8080;
/** Rules of one policy file. */
const PER_FILE = 100;

/** Compiles many rules, then the same and one more; times in milliseconds. */
export function compileMany(): Figures {
  const rules = pathRules(RULES);
  const before = process.memoryUsage.rss();
  let start = performance.now();
  const set = new RuleSetCache().http(rules);
  const { table } = set;
  const compileMs = performance.now() - start;
  const peakMb = process.resourceUsage().maxRSS / 1024 - before / 1024 / 1024;
  if (!table.kernel.eligible) throw new Error(table.kernel.reason);

  const folder = mkdtempSync(join(tmpdir(), "sockmesh-bench-"));
  try {
    const file = (first: number, count: number): void =>
      writeFileSync(
        join(folder, `p${String(first).padStart(5, "0")}.yaml`),
        policyText(`p${first}`, PORT, count, first),
      );
    for (let first = 0; first < RULES; first += PER_FILE) file(first, PER_FILE);
    const parsed: ParsedFiles = new Map();
    const read = (): readonly Policy[] => {
      const { policies, errors } = loadPolicies(policyFiles(folder), undefined, parsed);
      if (errors[0]) throw errors[0];
      return policies;
    };
    start = performance.now();
    const policies = read();
    const readMs = performance.now() - start;
    const store = new PolicyStore();
    const service = store.identities.identityOf({ app: "bench-service" });
    const added = allowedRequest(RULES);
    putInForce(store, policies, service);
    // The first change finds code that V8 has not optimised; the third is one of many.
    const times = [0, 1, 2].map((change) => {
      file(RULES - PER_FILE, PER_FILE + 1 + change);
      const at = performance.now();
      const changed = read();
      const known = performance.now();
      const judging = putInForce(store, changed, service);
      const effect = performance.now();
      if (!judging.judge(added)) throw new Error("the rule that was added is not in force");
      const { table: judged } = judging;
      if (judged === undefined || judged === "later" || !judged.kernel.eligible)
        throw new Error("the kernel cannot judge the rules");
      return { read: known - at, effect: effect - known, table: performance.now() - effect };
    });
    const last = times[times.length - 1] ?? { read: NaN, effect: NaN, table: NaN };
    return {
      compileMs,
      peakMb,
      readMs,
      tableBytes: table.bytes.length,
      rereadMs: last.read,
      effectMs: last.effect,
      tableMs: last.table,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As the agent does it; returns what then judges requests. */
function putInForce(store: PolicyStore, policies: readonly Policy[], service: number) {
  const made = store.prepare(policies);
  const [conflict] = store.conflicts(made);
  if (conflict) throw conflict;
  store.commit(made);
  const set = made.ingress(service, PORT, RESERVED.world);
  if (set.kind !== "l7") throw new Error(`the port is judged by ${set.kind}`);
  return set;
}
