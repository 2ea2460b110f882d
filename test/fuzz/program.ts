// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import koffi from "koffi";
import { DEFAULT_LIMITS } from "../../core/limits.js";
import { JudgeBound, TABLE_SIZES, TableHeader } from "../../core/table.js";
import { CONFIG, SlotBits } from "../../sockmap/abi.js";
import { BpfMap } from "../../sockmap/map.js";
import { errnoName, loadLibbpf, type Pointer } from "../../sockmap/libbpf.js";
import { StructBytes, u32Key } from "../../sockmap/structs.js";

const SOURCES = resolve("test/fuzz");
const HEADERS = resolve("sockmap/bpf");
const LOG_BYTES = 1 << 24;
const EINTR = 4;
const TRIES = 10;
const MAP_TYPE_ARRAY = 2;
/** Of judge.bpf.c. */
const INPUT_BYTES = 8 << 20;
const MOST_ITEMS = 16_384;
const ITEM_WORDS = 6;
const RESULT_WORDS = 12;
const MEMORY_BYTES = 64 + 8 * JudgeBound.remembered;
const MEMORY_MISSES = 1;

/** Longest message that the program takes. */
export const MOST_MESSAGE = 8192;
/** The outcome of a piece that was not judged, as the piece before it was not understood. */
export const SKIPPED = 0xffff;
/** The first rule's number in the kernel: rule n of a table is counted as SERIES + n. */
export const SERIES = 7;
/** What a message is; see judge.bpf.c. */
export const ItemFlag = { response: 1, head: 2, continues: 4, remembers: 8 } as const;

/** Which function judges: a head alone by its table, or a whole message as the sk_msg program does it. */
export type Entry = "fuzz_judge" | "fuzz_request" | "fuzz_response" | "fuzz_command" | "fuzz_answer";

/** What the kernel said of one message. `rest` is what of its body is to come, as a body word. */
export interface KernelVerdict {
  outcome: number;
  rule: number;
  expect: number;
  /** The message begins a request, or completes a response. */
  edge: boolean;
  /** Bytes of the head. */
  at: number;
  length: number;
  got: bigint;
  rest: bigint;
}

const Options = koffi.struct({
  sz: "size_t",
  data_in: "void *",
  data_out: "void *",
  data_size_in: "uint32_t",
  data_size_out: "uint32_t",
  ctx_in: "void *",
  ctx_out: "void *",
  ctx_size_in: "uint32_t",
  ctx_size_out: "uint32_t",
  retval: "uint32_t",
  repeat: "int",
  duration: "uint32_t",
  flags: "uint32_t",
  cpu: "uint32_t",
  batch_size: "uint32_t",
});

/** The engine's judging functions in a program that the kernel runs without any socket. */
export class FuzzProgram {
  private readonly maps = new Map<string, BpfMap>();
  private readonly unmaps: (() => void)[] = [];
  private readonly input: Uint8Array;
  private readonly items: Uint32Array;
  private readonly results: Uint32Array;
  private readonly results64: BigUint64Array;
  private readonly progress: Uint32Array;
  private readonly memory: Uint32Array;
  private readonly tables: BpfMap[];
  private serial = 0;
  private readonly testRun: (fd: number, options: unknown) => number;
  private used = 0;
  private count = 0;
  /** Nanoseconds that the kernel has spent on runs. */
  nanoseconds = 0;

  private constructor(
    private readonly bpf: ReturnType<typeof loadLibbpf>,
    private readonly object: Pointer,
  ) {
    this.testRun = koffi
      .load("libbpf.so.1")
      .func("bpf_prog_test_run_opts", "int", ["int", koffi.inout(koffi.pointer(Options))]) as never;
    this.input = new Uint8Array(this.share("fuzz_input", INPUT_BYTES + MOST_MESSAGE));
    this.items = new Uint32Array(this.share("fuzz_items", MOST_ITEMS * ITEM_WORDS * 4));
    const results = this.share("fuzz_results", MOST_ITEMS * RESULT_WORDS * 4);
    this.results = new Uint32Array(results);
    this.results64 = new BigUint64Array(results);
    this.progress = new Uint32Array(this.share("fuzz_progress", 16));
    this.memory = new Uint32Array(this.share("fuzz_memory", MEMORY_BYTES));
    this.tables = TABLE_SIZES.map((bytes, size) => this.makeTable(size, bytes));
  }

  /** Compiles the program, with one of its faults if one is named, and loads it. */
  static load(fault?: string): FuzzProgram {
    const folder = mkdtempSync(join(tmpdir(), "sockmesh-fuzz-"));
    try {
      const object = join(folder, "judge.o");
      const flags = "-O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -Wall -Wextra -Werror".split(" ");
      const folders = ["-I/usr/include/x86_64-linux-gnu", `-I${HEADERS}`];
      execFileSync(
        "clang",
        [
          ...flags,
          ...folders,
          ...(fault ? [`-D${fault}`] : []),
          ...["-c", join(SOURCES, "judge.bpf.c"), "-o", object],
        ],
        { stdio: ["ignore", "inherit", "inherit"] },
      );
      for (let tries = 1; ; tries++) {
        const loaded = FuzzProgram.loadOnce(object);
        if (typeof loaded !== "string") return loaded;
        // The verifier gives up when a signal waits for the process.
        if (tries === TRIES || !loaded.startsWith("EAGAIN")) throw new Error(loaded);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  private static loadOnce(path: string): FuzzProgram | string {
    const bpf = loadLibbpf();
    const object = bpf.open(path, null);
    if (!object) throw new Error(`${path} cannot be opened`);
    const config = new StructBytes(CONFIG)
      .setU32("credit", 0x7fff_ffff)
      .setU32("tracing", 1)
      .setU32("head", DEFAULT_LIMITS.headBytes)
      .setU32("lines", DEFAULT_LIMITS.headerCount).bytes;
    bpf.setInitialValue(bpf.findMap(object, ".rodata.config"), config, config.length);
    // The engine's own program comes with its header; its type cannot be run without a socket.
    for (const name of ["sockmesh_splice", "sockmesh_memcached"])
      bpf.setAutoload(bpf.findProgram(object, name), false);
    const log = Buffer.alloc(LOG_BYTES);
    for (let program = bpf.nextProgram(object, null); program; program = bpf.nextProgram(object, program))
      bpf.setLogBuffer(program, log, log.length);
    const failed = bpf.load(object);
    if (failed === 0) return new FuzzProgram(bpf, object);
    bpf.close(object);
    const text = log.subarray(0, log.indexOf(0)).toString().trimEnd();
    return `${errnoName(failed)}: ${text.split("\n").slice(-12).join("\n")}`;
  }

  /**
   * Puts a judge table into the kernel in place of the one of its size; returns its number.
   * @param least number of the smallest size that will do: a table may lie in a larger one than it needs
   */
  setTable(bytes: Uint8Array, least = 0): number {
    const size = TABLE_SIZES.findIndex((most, number) => number >= least && bytes.length <= most);
    const whole = new Uint8Array(TABLE_SIZES[size] ?? 0);
    whole.set(bytes);
    const header = new DataView(whole.buffer);
    header.setUint32(TableHeader.series, SERIES, true);
    header.setUint32(TableHeader.serial, ++this.serial, true);
    this.tables[size]?.update(u32Key(0), whole);
    return (size << SlotBits.size) | PLACE;
  }

  /** Heads that were allowed though the memory did not know them. */
  get misses(): number {
    return this.memory[MEMORY_MISSES]!;
  }

  /** Forgets the messages of the last run. */
  clear(): void {
    this.used = this.count = 0;
  }

  /** True when so many more messages can be added. */
  hasRoom(messages: number): boolean {
    return this.count + messages <= MOST_ITEMS && this.used + messages * MOST_MESSAGE <= INPUT_BYTES;
  }

  /**
   * Adds a message (of at least a byte) to the next run; returns its number.
   * @param first bytes that its first fragment holds
   */
  add(message: Uint8Array, slot: number, flags: number, first: number): number {
    if (!this.hasRoom(1) || message.length === 0 || message.length > MOST_MESSAGE)
      throw new RangeError("no room");
    this.input.set(message, this.used);
    this.items.set([this.used, message.length, first, slot, flags, 0], this.count * ITEM_WORDS);
    this.used += message.length;
    return this.count++;
  }

  /** Judges all messages that were added. */
  run(entry: Entry): void {
    this.results.fill(0, 0, this.count * RESULT_WORDS);
    this.progress[0] = 0;
    const program = this.bpf.programFd(this.bpf.findProgram(this.object, entry));
    while (this.progress[0] < this.count) {
      const before = this.progress[0];
      const repeat = this.count - before;
      const options = { ...NO_OPTIONS, data_in: PACKET, data_size_in: PACKET.length, repeat };
      const result = this.testRun(program, options);
      this.nanoseconds += options.duration * ((this.progress[0] ?? 0) - before);
      if (result < 0 && result !== -EINTR) throw new Error(`test run: ${errnoName(result)}`);
    }
  }

  /** Reads what was said of a message into `verdict`. */
  read(number: number, verdict: KernelVerdict): void {
    const at = number * RESULT_WORDS;
    const { results, results64 } = this;
    verdict.outcome = results[at]!;
    verdict.rule = results[at + 1]!;
    verdict.expect = results[at + 2]!;
    verdict.edge = results[at + 3] === 1;
    verdict.at = Number(results64[at / 2 + 2]);
    verdict.length = Number(results64[at / 2 + 3]);
    verdict.got = results64[at / 2 + 4]!;
    verdict.rest = results64[at / 2 + 5]!;
  }

  /** Gives everything back. */
  close(): void {
    for (const unmap of this.unmaps.splice(0)) unmap();
    for (const { fd } of this.tables.splice(0)) closeSync(fd);
    this.bpf.close(this.object);
  }

  private map(name: string): BpfMap {
    const known =
      this.maps.get(name) ?? new BpfMap(this.bpf, name, this.bpf.mapFd(this.bpf.findMap(this.object, name)));
    this.maps.set(name, known);
    return known;
  }

  private share(name: string, bytes: number): ArrayBuffer {
    const { buffer, unmap } = this.map(name).share(bytes);
    this.unmaps.push(unmap);
    return buffer;
  }

  /** A place whose value is replaced for each rule set: to replace its map would wait for all CPUs each time. */
  private makeTable(size: number, bytes: number): BpfMap {
    const fd = this.bpf.createMap(MAP_TYPE_ARRAY, "sockmesh_table", 4, bytes, 1, null);
    if (fd < 0) throw new Error(`table: ${errnoName(fd)}`);
    this.map(`tables_${size}`).update(u32Key(PLACE), u32Key(fd));
    return new BpfMap(this.bpf, `table of size ${size}`, fd);
  }
}

const PLACE = 3;
const PACKET = new Uint8Array(64);
const NO_OPTIONS = {
  sz: koffi.sizeof(Options),
  data_in: null as Uint8Array | null,
  data_out: null,
  data_size_in: 0,
  data_size_out: 0,
  ctx_in: null,
  ctx_out: null,
  ctx_size_in: 0,
  ctx_size_out: 0,
  retval: 0,
  repeat: 0,
  duration: 0,
  flags: 0,
  cpu: 0,
  batch_size: 0,
};

/** A verdict to be read into. */
export function emptyVerdict(): KernelVerdict {
  return { outcome: 0, rule: 0, expect: 0, edge: false, at: 0, length: 0, got: 0n, rest: 0n };
}
