// SPDX-License-Identifier: Apache-2.0
import { RecordFlag } from "./abi.js";
import { RECORD_WORDS, wordOf } from "./records.js";
import type { Wakes } from "./wakes.js";

const FLAGS = wordOf("flags");
/** While one of these is set, somebody waits for an event. */
const AWAITING = RecordFlag.responsesSlow | RecordFlag.awaitsReadA | RecordFlag.awaitsReadB;

/** The flags of one record, which only the sidecar writes. */
export class RecordFlags {
  private flags = 0;

  constructor(
    private readonly words: Uint32Array,
    private readonly wakes: Wakes,
    private readonly record: number,
  ) {}

  /** Sets and takes away flags of {@link RecordFlag}, in one store. */
  change(set: number, take: number): void {
    const before = this.flags;
    const flags = (before & ~take) | set;
    if (flags === before) return;
    this.flags = flags;
    Atomics.store(this.words, this.record * RECORD_WORDS + FLAGS, flags);
    const awaits = (flags & AWAITING) !== 0;
    if (awaits !== ((before & AWAITING) !== 0)) this.wakes.interested(awaits ? 1 : -1);
  }

  /** Takes all away: the connection is over. */
  clear(): void {
    this.change(0, this.flags);
  }
}
