// SPDX-License-Identifier: Apache-2.0
import { statSync } from "node:fs";
import {
  CONNECTION,
  ENDPOINT,
  GROUP,
  GroupKind,
  layoutOf,
  Level,
  LISTEN_KEY,
  LISTENING,
  OPT_OUT_KEY,
  Stage,
} from "./abi.js";
import type { BpfObject } from "./driver.js";
import type {
  EndpointTerms,
  EngineTotals,
  Link,
  Listeners,
  Release,
  SocketEngine,
  Level as LevelName,
} from "./engine.js";
import {
  GUARD_PROGRAMS,
  loadEngine,
  loadOver,
  MEMCACHED_PROGRAM,
  SHORTCUT_PROGRAM,
  SPLICE_PROGRAM,
  type KernelOptions,
  type Loaded,
} from "./load.js";
import { Connects } from "./connects.js";
import { BIND_PROGRAMS, Datagrams } from "./datagrams.js";
import { loadLibc } from "./libbpf.js";
import { KernelLink, type LinkParts } from "./link.js";
import { Records, RECORD_BYTES } from "./records.js";
import { Slots } from "./slots.js";
import { socketCookie } from "./socket.js";
import { StructBytes, u32Key, u64Key } from "./structs.js";
import { readCounters, readTallies } from "./tallies.js";
import { Wakes } from "./wakes.js";

/**
 * Loads and attaches the BPF programs. Throws SM_BPF_UNAVAILABLE, SM_BPF_LOAD or SM_BPF_ATTACH with nothing left behind.
 * Where what level splice needs does not load, all else is loaded without it: reads are then published by the sidecar.
 */
export function createKernelEngine(options: KernelOptions): KernelEngine {
  const loaded = loadEngine(options);
  try {
    return new KernelEngine(loaded, options);
  } catch (error) {
    loaded.object.close();
    throw error;
  }
}

/** The engine that captures with sk_lookup and moves bytes with sk_msg. Made by {@link createKernelEngine}. */
export class KernelEngine implements SocketEngine {
  readonly name = "kernel";
  readonly level: LevelName;
  private readonly parts: LinkParts;
  /** Of the endpoints that exist. */
  private numbers: number[] = [];
  private readonly datagrams: Datagrams;
  private readonly connects: Connects;
  readonly blind: string | undefined;
  private guards: BpfObject | undefined;
  readonly because: string | undefined;
  private readonly object: BpfObject;
  private readonly tracers: readonly string[];
  private traced = false;
  private stopped = false;

  constructor(
    { object, tracers, because }: Loaded,
    private readonly options: KernelOptions,
  ) {
    this.object = object;
    this.tracers = tracers;
    this.because = because;
    // Without tracing a denial could be put in order only by ending its connection, and readers that take a short
    // read for the last one could miss bytes: not worth it.
    this.level = this.tracing ? "splice" : "shortcut";
    this.connects = new Connects(object);
    this.datagrams = new Datagrams(object);
    const { connections } = options;
    const intent = object.map("intents").share(4096);
    // Mapped with the first connection: all pages of it count as resident.
    let records: Records | undefined;
    const mapped = (): Records =>
      new Records(object.map("records").share(2 * connections * RECORD_BYTES).buffer);
    const free = object.map("free_records");
    // Records of the lower half are handed out by the kernel, to clients; number 0 is none. The others are for upstream legs.
    for (let record = 1; record < connections; record++) free.update(null, u32Key(record));
    const own = Array.from({ length: connections }, (_, i) => connections + i);
    this.parts = {
      get records() {
        return (records ??= mapped());
      },
      intent: new Uint8Array(intent.buffer),
      free,
      own,
      tracing: this.tracing,
      slots: new Slots(object),
      wakes: new Wakes(object.map("wakes").fd, (record) => this.parts.links.get(record)?.onWake?.()),
      sockets: object.map("sockets"),
      credit: options.creditBytes,
      links: new Map(),
    };
    object.map("groups").update(groupKey(options.sidecarCgroup), groupValue(GroupKind.sidecar, 0));
    this.placeStages(object);
    object.attachToMap("sockmesh_move", "sockets");
    object.attachToCgroup("sockmesh_establish", options.cgroupRoot);
    this.blind = this.watchReaders();
    loadLibc().trim(0); // libbpf has read the types of the whole kernel, and is done with them
  }

  /** True when reads are published by the kernel as recv returns. */
  get tracing(): boolean {
    return this.tracers.length > 0;
  }

  /** Has the ends of recv and send traced, of all sockets: not before a first endpoint has something to be moved. */
  private trace(): void {
    if (!this.tracing || this.traced) return;
    this.traced = true;
    for (const program of this.tracers) this.object.attach(program);
  }

  /** Returns why readers that sockmaps break are not seen; undefined when they are. */
  private watchReaders(): string | undefined {
    try {
      this.guards = loadOver(this.options, this.tracing, GUARD_PROGRAMS, this.object);
      for (const program of GUARD_PROGRAMS) this.guards.attach(program);
      return undefined;
    } catch (error) {
      this.guards?.close();
      return (error as Error).message;
    }
  }

  /**
   * Loads what runs on each message anew, from the object that the installation now has, over the same maps, and puts it
   * in the place of what runs: the next message of every live connection meets it. What tells the ends of recv and send
   * stays, and so do capture and pairing: in between they would miss something. Throws SM_BPF_LOAD, and all stays as it is.
   */
  upgrade(): void {
    const wanted = this.tracing ? [SPLICE_PROGRAM, MEMCACHED_PROGRAM, SHORTCUT_PROGRAM] : [SHORTCUT_PROGRAM];
    const made = loadOver(this.options, this.tracing, wanted, this.object);
    this.placeStages(made);
    // The array of programs holds them now.
    made.close();
  }

  private placeStages(object: BpfObject): void {
    object.placeProgram(this.tracing ? SPLICE_PROGRAM : SHORTCUT_PROGRAM, "stages", Stage.first);
    object.placeProgram(SHORTCUT_PROGRAM, "stages", Stage.shortcut);
    if (this.tracing) object.placeProgram(MEMCACHED_PROGRAM, "stages", Stage.memcached);
  }

  capture(listeners: Listeners): Promise<Release> {
    const map = this.object.map("listeners");
    map.update(u32Key(0), u64Key(BigInt(listeners.ipv4Fd)));
    if (listeners.ipv6Fd >= 0) map.update(u32Key(1), u64Key(BigInt(listeners.ipv6Fd)));
    this.object.map("sidecar_port").update(u32Key(0), u32Key(listeners.port));
    const detach = this.object.attachToNetns("sockmesh_capture", "/proc/self/ns/net");
    return Promise.resolve(() => {
      detach();
      return Promise.resolve();
    });
  }

  addEndpoint(terms: EndpointTerms): Promise<Release> {
    const key = u32Key(terms.number);
    const group = groupKey(terms.cgroup);
    const undo: (() => void)[] = [];
    const release = (): Promise<void> => {
      if (!this.stopped) for (const step of undo.splice(0).reverse()) step();
      return Promise.resolve();
    };
    try {
      if (terms.level !== "off") this.trace();
      this.object
        .map("endpoints")
        .update(
          key,
          new StructBytes(ENDPOINT)
            .setU32("level", Math.min(Level[terms.level], Level[this.level]))
            .setU32("live", 1).bytes,
        );
      this.numbers.push(terms.number);
      undo.push(() => {
        this.object.map("endpoints").update(key, new StructBytes(ENDPOINT).bytes);
        this.numbers = this.numbers.filter((number) => number !== terms.number);
      });
      for (const port of terms.optOutPorts) {
        const optOut = new StructBytes(OPT_OUT_KEY)
          .setU32("endpoint", terms.number)
          .setU32("port", port).bytes;
        this.object.map("opt_outs").update(optOut, u32Key(1));
        undo.push(() => this.object.map("opt_outs").delete(optOut));
      }
      for (const program of ["sockmesh_peername4", "sockmesh_peername6", ...BIND_PROGRAMS])
        undo.push(this.object.attachToCgroup(program, terms.cgroup));
      this.connects.add(terms.number, terms.cgroup);
      undo.push(() => this.connects.remove(terms.number));
      undo.push(() => this.datagrams.remove(terms.number));
      this.datagrams.add(terms.number, terms.cgroup);
      this.captureEgress(terms.number, terms.captureEgress);
      this.recordProcesses(terms.number, terms.recordProcesses ?? false);
      // Last: from here on its listening sockets are captured, and its datagram sockets known.
      this.object.map("groups").update(group, groupValue(GroupKind.endpoint, terms.number));
      undo.push(() => this.object.map("groups").delete(group));
      undo.push(() => this.forgetListeners(terms.number));
    } catch (error) {
      void release();
      throw error;
    }
    return Promise.resolve(release);
  }

  closeUdp(endpoint: number, ports: readonly number[]): void {
    if (!this.stopped) this.datagrams.close(endpoint, ports);
  }

  captureEgress(endpoint: number, on: boolean): void {
    this.connects.see("egress", endpoint, on);
  }

  recordProcesses(endpoint: number, on: boolean): void {
    this.connects.see("process", endpoint, on);
  }

  accepted(fd: number): Link {
    const cookie = socketCookie(fd);
    const connection = new StructBytes(CONNECTION);
    const known = this.object.map("connections").take(cookie, connection.bytes);
    // Its reader's FIONREAD may tell of moved bytes only, and there will be none: out, before it is sent anything.
    const alone = connection.u64("alone");
    if (alone) this.parts.sockets.delete(u64Key(alone));
    const process = known ? this.connects.processOf(connection.u64("client_cookie")) : undefined;
    return new KernelLink(this.parts, fd, cookie, known ? connection : undefined, process);
  }

  totals(): EngineTotals {
    return {
      ...readCounters(this.object),
      spliced: readTallies(this.object, this.parts.slots),
      incompatible: this.numbers.filter((number) => this.isIncompatible(number)),
    };
  }

  stop(): Promise<void> {
    if (!this.stopped) {
      this.stopped = true;
      this.parts.wakes.close();
      this.connects.close();
      // The shared pages stay mapped until the process ends: a late link may still look at its record.
      this.guards?.close();
      this.object.close();
    }
    return Promise.resolve();
  }

  private isIncompatible(endpoint: number): boolean {
    const terms = new StructBytes(ENDPOINT);
    return (
      this.object.map("endpoints").lookup(u32Key(endpoint), terms.bytes) && terms.u32("incompatible") === 1
    );
  }

  private forgetListeners(endpoint: number): void {
    const listening = new StructBytes(LISTENING);
    for (const map of [this.object.map("listens"), this.object.map("datagrams")])
      for (const key of map.keys(layoutOf(LISTEN_KEY).size))
        if (map.lookup(key, listening.bytes) && listening.u32("endpoint") === endpoint) map.delete(key);
  }
}

/** Id of a cgroup v2: the inode number of its directory. */
function groupKey(directory: string): Uint8Array {
  return u64Key(statSync(directory, { bigint: true }).ino);
}

function groupValue(kind: number, endpoint: number): Uint8Array {
  return new StructBytes(GROUP).setU32("kind", kind).setU32("endpoint", endpoint).bytes;
}
