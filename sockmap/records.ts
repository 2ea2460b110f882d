// SPDX-License-Identifier: Apache-2.0
import { layoutOf, RECORD } from "./abi.js";

const LAYOUT = layoutOf(RECORD);
/** Words of one record. */
export const RECORD_WORDS = LAYOUT.size / 4;
/** Place of a field within a record, in words. */
export function wordOf(field: string): number {
  return (LAYOUT.offset[field] ?? 0) / 4;
}
const FAST_A = wordOf("fast_a");
const READ_A = wordOf("read_a");
const FAST_B = wordOf("fast_b");
const READ_B = wordOf("read_b");
const GENERATION = wordOf("generation");
const FLAGS = wordOf("flags");
const PAIRED = wordOf("paired");

/** Bytes of one record. */
export const RECORD_BYTES = LAYOUT.size;

/** The connection records, shared with the kernel: reading one is a memory access, no system call. */
export class Records {
  /** All words, for {@link KernelSplice}. */
  readonly words: Uint32Array;

  constructor(memory: ArrayBuffer) {
    this.words = new Uint32Array(memory);
  }

  /** Bytes that both ends of a pair moved past TCP. */
  moved(record: number): number {
    return this.u64(record, FAST_A) + this.u64(record, FAST_B);
  }

  /** True when both ends of the pair are in the map of sockets. */
  paired(record: number): boolean {
    return this.words[record * RECORD_WORDS + PAIRED] === 1;
  }

  /** The sidecar, end b of the pair, has read that many bytes in all. */
  readByB(record: number, total: number): void {
    this.setU64(record, READ_B, total);
  }

  /** The sidecar, end a of the pair, has read that many bytes in all. */
  readByA(record: number, total: number): void {
    this.setU64(record, READ_A, total);
  }

  /** Begins a use of a record that the kernel does not hand out: all counters at 0. Returns its generation. */
  begin(record: number): number {
    const base = record * RECORD_WORDS;
    const generation = this.generation(record);
    this.words.fill(0, base, base + RECORD_WORDS);
    this.words[base + GENERATION] = generation;
    return generation;
  }

  /** Counts the uses of a record. */
  generation(record: number): number {
    return this.words[record * RECORD_WORDS + GENERATION] ?? 0;
  }

  /** Ends a use of the record: links of the old generation are void from here on. */
  retire(record: number): void {
    const base = record * RECORD_WORDS;
    this.words[base + FLAGS] = 0;
    this.words[base + GENERATION] = (this.generation(record) + 1) >>> 0;
  }

  private u64(record: number, field: number): number {
    const word = record * RECORD_WORDS + field;
    return (this.words[word] ?? 0) + (this.words[word + 1] ?? 0) * 0x1_0000_0000;
  }

  private setU64(record: number, field: number, value: number): void {
    const word = record * RECORD_WORDS + field;
    // The high word first: a program that reads in between sees a larger debt or credit of one wrap, and both only slow it.
    this.words[word + 1] = Math.floor(value / 0x1_0000_0000);
    this.words[word] = value >>> 0;
  }
}
