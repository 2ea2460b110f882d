// SPDX-License-Identifier: Apache-2.0
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Command } from "commander";
import { SockmeshError } from "../../core/errors.js";
import type { SuiteResult } from "../../l7policy/cases/junit.js";
import { Exit } from "../exit.js";
import { print, printJson } from "../output.js";

/** `sockmesh policy test`. */
export function testCommand(): Command {
  return new Command("test")
    .description("check that policies allow and deny what is expected of them")
    .argument("<path...>", "files of expectations, or directories in which *.test.yaml are looked for")
    .option("--junit <file>", "write the results as JUnit XML too")
    .option("--json", "print JSON instead of text", false)
    .addHelpText(
      "after",
      `
A file of expectations names who there is, its policies (by default those beside it), and what must be allowed, denied or
inspected; see docs/policy.md. Exit code 0 when all are met, else 1.

Examples:
  sockmesh policy test policies/
  sockmesh policy test --junit results.xml shop.test.yaml`,
    )
    .action(async (paths: string[], { junit: target, json }: { junit?: string; json: boolean }) => {
      const { junit } = await import("../../l7policy/cases/junit.js");
      const files = paths.flatMap((path) => testFiles(path));
      if (files.length === 0) throw new SockmeshError("SM_USAGE", `no *.test.yaml in ${paths.join(", ")}`);
      const suites: SuiteResult[] = [];
      for (const file of files) suites.push(await runFile(file));
      if (target !== undefined) writeFileSync(target, `${junit(suites)}\n`);
      if (json) await printJson(suites.map(forJson));
      else await show(suites);
      if (suites.some(({ results, errors }) => errors.length > 0 || results.some(({ passed }) => !passed)))
        process.exitCode = Exit.no;
    });
}

/** Files of expectations at a path: the file itself, or those below the directory. */
function testFiles(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    return readdirSync(path, { recursive: true, encoding: "utf8" })
      .filter((name) => /\.test\.ya?ml$/.test(name))
      .sort()
      .map((name) => join(path, name));
  } catch (cause) {
    throw new SockmeshError("SM_CONFIG_INVALID", (cause as Error).message, { cause });
  }
}

async function runFile(file: string): Promise<SuiteResult> {
  const { parseCases } = await import("../../l7policy/cases/cases.js");
  const { Bench, runCases } = await import("../../l7policy/cases/run.js");
  const { EVERYTHING } = await import("../../l7policy/resolve/enforce.js");
  const { loadPolicies, policyFiles } = await import("../agent/policies.js");
  const { readText } = await import("./read.js");
  const read = parseCases(file, readText(file));
  if (!read.ok) return { file, results: [], errors: read.errors.map((error) => error.describe()) };
  const { policies: paths = ["."], options, world, tests } = read.value;
  const { policies, errors } = loadPolicies(
    paths.flatMap((path) => policyFiles(join(dirname(file), path))),
    EVERYTHING,
  );
  if (errors.length > 0) return { file, results: [], errors: errors.map((error) => error.describe()) };
  return { file, results: runCases(new Bench(policies, world, options), tests), errors: [] };
}

async function show(suites: readonly SuiteResult[]): Promise<void> {
  const { explanationLines } = await import("../../l7policy/explain/words.js");
  let passed = 0;
  let failed = 0;
  for (const { file, results, errors } of suites) {
    for (const error of errors) await print(error);
    failed += errors.length;
    for (const { test, name, passed: good, answer, error } of results) {
      if (good) passed++;
      else {
        failed++;
        await print(
          `${file}:${test.at.line}: ${name}: expected ${test.expect}, ${error ?? `is ${answer?.verdict}`}`,
        );
        for (const side of answer?.sides ?? [])
          for (const line of explanationLines(side, side.way === "egress" ? test.from : test.to))
            await print(`  ${line}`);
      }
    }
  }
  await print(`${suites.length} files, ${passed} as expected, ${failed} not`);
}

function forJson({ file, results, errors }: SuiteResult): unknown {
  return {
    file,
    errors,
    results: results.map(({ test, name, passed, answer, error }) => ({
      name,
      line: test.at.line,
      passed,
      expected: test.expect,
      verdict: answer?.verdict ?? null,
      error: error ?? null,
      sides: answer?.sides ?? [],
    })),
  };
}
