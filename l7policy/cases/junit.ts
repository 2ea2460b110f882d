// SPDX-License-Identifier: Apache-2.0
import { explanationLines } from "../explain/words.js";
import type { CaseResult } from "./run.js";

/** Results of one file of expectations. */
export interface SuiteResult {
  readonly file: string;
  readonly results: readonly CaseResult[];
  /** Set when the file or its policies could not be read. */
  readonly errors: readonly string[];
}

/** Results as JUnit XML, for continuous integration. */
export function junit(suites: readonly SuiteResult[]): string {
  const cases = (suite: SuiteResult) => suite.results.length + (suite.errors.length > 0 ? 1 : 0);
  const failures = ({ results }: SuiteResult) => results.filter(({ passed }) => !passed).length;
  const sum = (count: (suite: SuiteResult) => number) => suites.reduce((all, suite) => all + count(suite), 0);
  const errors = (suite: SuiteResult) => (suite.errors.length > 0 ? 1 : 0);
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="sockmesh policy test" tests="${sum(cases)}" failures="${sum(failures)}" errors="${sum(errors)}">`,
  ];
  for (const suite of suites) {
    lines.push(
      `  <testsuite name="${xml(suite.file)}" tests="${cases(suite)}" failures="${failures(suite)}" errors="${errors(suite)}">`,
    );
    if (suite.errors.length > 0)
      lines.push(
        `    <testcase name="is read" classname="${xml(suite.file)}"><error message="${xml(suite.errors[0] ?? "")}">${xml(suite.errors.join("\n"))}</error></testcase>`,
      );
    for (const { test, name, passed, answer, error } of suite.results) {
      const open = `    <testcase name="${xml(name)}" classname="${xml(suite.file)}" file="${xml(suite.file)}" line="${test.at.line}"`;
      if (passed) lines.push(`${open}/>`);
      else {
        const message = error ?? `expected ${test.expect}, is ${answer?.verdict}`;
        const why = (answer?.sides ?? []).flatMap((side) =>
          explanationLines(side, side.way === "egress" ? test.from : test.to),
        );
        lines.push(`${open}><failure message="${xml(message)}">${xml(why.join("\n"))}</failure></testcase>`);
      }
    }
    lines.push("  </testsuite>");
  }
  return [...lines, "</testsuites>"].join("\n");
}

/** Text that may stand in XML; characters that XML 1.0 cannot hold are shown as `?`. */
function xml(text: string): string {
  return text
    .replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "?")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("\n", "&#10;");
}
