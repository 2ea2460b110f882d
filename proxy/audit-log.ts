// SPDX-License-Identifier: Apache-2.0
import type { Clock } from "../core/clock.js";
import type { Log } from "../core/log.js";
import type { OutcomeName } from "../core/outcome.js";

/** Lines of one second; more are only counted, so that a flood of denials is none of log lines. */
const MOST_LINES = 100;
const SPAN_MS = 1000;

/** What is told of a request or connection. */
export interface Noted {
  /** What it is counted as. */
  readonly outcome?: OutcomeName;
  readonly client: number;
  readonly service: number;
  readonly port: number;
  /** In the protocol's words; empty for a connection. */
  readonly request: string;
  /** The header that differs from what a rule wants. */
  readonly header?: string;
}

/** Logs what policy wants told of what it lets through. Lines are bounded. */
export class AuditLog {
  private until = -Infinity;
  private lines = 0;
  private omitted = 0;

  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** @param describe makes the fields of the line, when there is one */
  note(message: string, describe: () => Noted): void {
    const now = this.clock.now();
    if (now >= this.until) {
      if (this.omitted > 0) this.log.warn({ omitted: this.omitted }, "more lines of this kind");
      this.until = now + SPAN_MS;
      this.lines = this.omitted = 0;
    }
    if (this.lines >= MOST_LINES) this.omitted++;
    else {
      this.lines++;
      this.log.warn(describe(), message);
    }
  }
}
