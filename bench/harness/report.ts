// SPDX-License-Identifier: Apache-2.0

/** What a load generator prints at its end, as JSON behind the word REPORT. */
export interface Report {
  readonly requests: number;
  readonly durationUs: number;
  readonly p50us: number;
  readonly p99us: number;
  /** Answers that were wrong or did not come. */
  readonly errors: number;
}

/** Reads the report in a load generator's output. Throws when there is none, of no requests, or of any error. */
export function reportOf(who: string, output: string): Report {
  const report = JSON.parse(/^REPORT (.*)$/m.exec(output)?.[1] ?? "null") as Report | null;
  if (!report || report.requests === 0) throw new Error(`${who} reported nothing:\n${output}`);
  if (report.errors > 0) throw new Error(`${who} saw ${report.errors} errors:\n${output}`);
  return report;
}
