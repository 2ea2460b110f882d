// SPDX-License-Identifier: Apache-2.0
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** How one model is checked. */
export interface Check {
  /** Path of the Promela source, from the project's folder. */
  readonly model: string;
  /** What the source's preprocessor is told. */
  readonly defines: Readonly<Record<string, number>>;
  /** Memory that the checker may take; past it the check is not complete. */
  readonly megabytes: number;
  /** Longest path that is followed; past it the check is not complete. Takes about 30 bytes of memory each. */
  readonly depth: number;
  /** True where compiling takes longer than the search. */
  readonly brief: boolean;
}

/** What a check found. */
export interface Finding {
  readonly errors: number;
  /** Name of the assertion that failed, or "invalid end state"; undefined when nothing is wrong. */
  readonly violated: string | undefined;
  /** Every state was looked at. */
  readonly complete: boolean;
  readonly states: number;
  readonly depth: number;
  /** Of the search alone. */
  readonly seconds: number;
}

/** Generates, compiles and runs a checker in a folder of its own, which is removed. Rejects when one of these fails. */
export async function check({ model, defines, megabytes, depth, brief }: Check): Promise<Finding> {
  const folder = await mkdtemp(join(tmpdir(), "sockmesh-model-"));
  const within = { cwd: folder, maxBuffer: 2 ** 26 };
  try {
    const given = Object.entries(defines).map(([name, value]) => `-D${name}=${value}`);
    await run("spin", ["-a", ...given, resolve(model)], within);
    // Invalid end states and assertions are looked for, not cycles; states are stored in parts.
    const bounds = ["-DSAFETY", "-DCOLLAPSE", "-DVECTORSZ=1024", `-DMEMLIM=${megabytes}`];
    await run("gcc", [brief ? "-O0" : "-O2", "-w", ...bounds, "-o", "pan", "pan.c"], within);
    const { stdout } = await run("./pan", [`-m${depth}`, brief ? "-w20" : "-w24"], within);
    return findingOf(stdout);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Reads a checker's report. */
function findingOf(report: string): Finding {
  const number = (pattern: RegExp): number => {
    const found = pattern.exec(report)?.[1];
    if (found === undefined) throw new Error(`the checker did not report ${pattern}:\n${report}`);
    return Number(found);
  };
  const violated = /^pan:1: (?:assertion violated +!\((\w+)\)|(invalid end state))/m.exec(report);
  return {
    errors: number(/errors: (\d+)/),
    violated: violated?.[1] ?? violated?.[2],
    complete: !/Search not completed|depth too small|out of memory|memory limit/i.test(report),
    states: number(/(\d[\d.e+]*) states, stored/),
    depth: number(/depth reached (\d+)/),
    seconds: number(/elapsed time (\S+) seconds/),
  };
}
