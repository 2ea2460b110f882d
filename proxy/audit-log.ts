// SPDX-License-Identifier: Apache-2.0
import type { Clock } from "../core/clock.js";
import type { Log } from "../core/log.js";
import type { OutcomeName } from "../core/outcome.js";

/** Lines of one second; more are only counted, so that a flood of denials is none of log lines. */
const MOST_LINES = 100;
const SPAN_MS = 1000;

/** What would have been denied. */
export interface Audited {
  readonly outcome: OutcomeName;
  readonly client: number;
  readonly service: number;
  readonly port: number;
  /** In the protocol's words; empty for a connection. */
  readonly request: string;
}

/** Logs what audit let through. Every one is counted; lines are bounded. */
export class AuditLog {
  private until = -Infinity;
  private lines = 0;
  private omitted = 0;

  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** @param describe makes the fields of the line, when there is one */
  note(describe: () => Audited): void {
    const now = this.clock.now();
    if (now >= this.until) {
      if (this.omitted > 0) this.log.warn({ omitted: this.omitted }, "more would have been denied");
      this.until = now + SPAN_MS;
      this.lines = this.omitted = 0;
    }
    if (this.lines >= MOST_LINES) this.omitted++;
    else {
      this.lines++;
      this.log.warn(describe(), "would be denied");
    }
  }
}
