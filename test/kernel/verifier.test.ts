// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "@jest/globals";
import { readFileSync } from "node:fs";
import { DEFAULT_LIMITS } from "../../core/limits.js";
import { BpfObject, type ProgramCost } from "../../sockmap/driver.js";
import { DEFAULT_CREDIT, engineConfig, GUARD_PROGRAMS, kernelTracers, without } from "../../sockmap/load.js";

const OBJECT = "engine.bpf.o";

/** Instructions verified by kernel and program, as `RECORD=1 make test-kernels` wrote them. */
const RECORDED = JSON.parse(readFileSync("test/kernels/costs.json", "utf8")) as Record<
  string,
  Record<string, number>
>;

/** Half as much again, and a thousand, as on the recorded kernel where the program costs most. */
function limit(program: string): number {
  return 1000 + 1.5 * Math.max(0, ...Object.values(RECORDED).map((costs) => costs[program] ?? 0));
}

/** Of all programs but some. */
function costs(others: readonly string[], tracing = true): ProgramCost[] {
  const terms = { creditBytes: DEFAULT_CREDIT, guard: true, limits: DEFAULT_LIMITS };
  const config = engineConfig(terms, 1n, tracing);
  const object = BpfObject.load({ object: OBJECT, config, without: others });
  try {
    return object.costs();
  } finally {
    object.close();
  }
}

describe("what the programs cost this kernel's verifier", () => {
  test("every program of the object has a recorded cost, and no other", () => {
    const all = Object.values(RECORDED).flatMap(Object.keys);
    expect([...new Set(all)].sort()).toEqual(BpfObject.programs(OBJECT).sort());
  });

  test.each([false, true])("all that is needed loads at no more than its limit, tracing: %s", (tracing) => {
    const others = without(tracing ? kernelTracers() : []);
    const found = costs(others, tracing);
    process.stderr.write(`verified: ${JSON.stringify(found)}\n`);
    for (const { name, verified } of found) {
      expect({ name, loaded: verified !== undefined }).toEqual({ name, loaded: !others.includes(name) });
      if (verified !== undefined) expect(verified).toBeGreaterThan(0);
      expect(verified ?? 0).toBeLessThanOrEqual(limit(name));
    }
  });

  test("those that see readers load, or this kernel refuses every program of their kind", () => {
    try {
      const others = BpfObject.programs(OBJECT).filter((name) => !GUARD_PROGRAMS.includes(name));
      for (const { name, verified } of costs(others))
        if (GUARD_PROGRAMS.includes(name)) expect(verified).toBeLessThanOrEqual(limit(name));
    } catch (thrown) {
      // No function tracing, or none for this machine; nothing of the verifier's.
      expect(String(thrown)).toMatch(/: (ESRCH|EPERM|ENOTSUPP|EOPNOTSUPP)$/);
    }
  });
});
