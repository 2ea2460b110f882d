// SPDX-License-Identifier: Apache-2.0
import { RecordFlag } from "./abi.js";
import type { BpfMap } from "./map.js";
import type { Direction, Room } from "./engine.js";
import type { RecordFlags } from "./flags.js";
import { RECORD_WORDS, wordOf } from "./records.js";

const TO = {
  f: {
    sent: [wordOf("fast_a"), wordOf("injected_f")],
    strayed: wordOf("strayed_f"),
    read: wordOf("read_b"),
    cookie: wordOf("cookie_b"),
    flag: RecordFlag.awaitsReadB,
  },
  r: {
    sent: [wordOf("fast_b"), wordOf("injected_r")],
    strayed: wordOf("strayed_r"),
    read: wordOf("read_a"),
    cookie: wordOf("cookie_a"),
    flag: RecordFlag.awaitsReadA,
  },
} as const;

/** Room at one end of a record, told by the counters of the programs. */
export class KernelRoom implements Room {
  private readonly base: number;

  /**
   * @param credit most unread bytes; a write that finds fewer may be longer than what is left
   * @param sockets the map of sockets
   */
  constructor(
    private readonly words: Uint32Array,
    private readonly flags: RecordFlags,
    private readonly direction: Direction,
    record: number,
    private readonly credit: number,
    private readonly sockets: BpfMap,
  ) {
    this.base = record * RECORD_WORDS;
  }

  available(): boolean {
    const { flag } = TO[this.direction];
    if (this.unread() < this.credit) {
      this.flags.change(0, flag);
      return true;
    }
    // The flag first: the program that tells of a read looks at it after it has told.
    this.flags.change(flag, 0);
    return this.unread() < this.credit;
  }

  deserted(): boolean {
    const at = this.base + TO[this.direction].cookie;
    const key = new Uint8Array(this.words.slice(at, at + 2).buffer);
    return !this.sockets.lookup(key, new Uint8Array(8));
  }

  /** Moved bytes only; the lower halves of the counters do, as unread is never near 2^31. */
  private unread(): number {
    const { sent, strayed, read } = TO[this.direction];
    if (this.load(strayed)) return 0; // over TCP, which bounds it
    return (this.load(sent[0]) + this.load(sent[1]) - this.load(read)) | 0;
  }

  private load(word: number): number {
    return Atomics.load(this.words, this.base + word);
  }
}
