// SPDX-License-Identifier: Apache-2.0
import type { Limits } from "../core/limits.js";
import { abiDigest, CONFIG, Size } from "./abi.js";
import { kernelHas } from "./btf.js";
import { BpfObject, type LoadPlan } from "./driver.js";
import { netnsCookie } from "./socket.js";
import { StructBytes } from "./structs.js";

/** What the kernel engine needs to know of this machine. */
export interface KernelOptions {
  /** Mount point of cgroup v2. */
  readonly cgroupRoot: string;
  /** Directory of the cgroup that this process, and nothing else, lives in. */
  readonly sidecarCgroup: string;
  /** Any TCP socket of this process: tells the network namespace. */
  readonly socketFd: number;
  /** Most unread bytes that one direction may have past TCP. */
  readonly creditBytes: number;
  /** False: as on kernels where the ends of recv and send cannot be traced. */
  readonly tracing: boolean;
  /** True: new connections of an endpoint stay on TCP once a reader was seen that sockmaps break. */
  readonly guard: boolean;
  /** The BPF object: a file name in sockmap/bpf/, or an absolute path. */
  readonly object: string;
  /** Most connections that the kernel takes part in; others go over TCP. Sizes the maps. */
  readonly connections: number;
  /** Heads that are longer, or have more lines, are not judged in the kernel. */
  readonly limits: Limits;
}

/**
 * Lets a large body flow; a reader that stopped holds no more memory than TCP would let it (tcp_rmem, tcp_wmem). At level splice
 * one that reads may have four times as much.
 */
export const DEFAULT_CREDIT = 4 << 20;

/** The committed object of the engine. */
export const ENGINE_OBJECT = "engine.bpf.o";
/** Programs that see the ends of recv and send by tracepoints (kernel 6.3). */
const TRACEPOINT_PROGRAMS: readonly string[] = ["sockmesh_read", "sockmesh_sent"];
/** The same on older kernels: they run as the functions behind these calls return. */
const RETURN_PROGRAMS: readonly string[] = [
  "sockmesh_read4",
  "sockmesh_read6",
  "sockmesh_sent4",
  "sockmesh_sent6",
  "sockmesh_sent_page",
];
/** Programs that see readers which sockmaps break; a kernel without fentry (5.5) does without. */
export const GUARD_PROGRAMS: readonly string[] = ["sockmesh_splice_reader", "sockmesh_asking_reader"];
/** Why level splice is not there. */
export const NO_TRACING = "the ends of recv and send are not traced";
/** Programs behind the entry program: the first needs tracing too. */
export const [SPLICE_PROGRAM, SHORTCUT_PROGRAM] = ["sockmesh_splice", "sockmesh_shortcut"] as const;
/** Level splice for connections of memcached. */
export const MEMCACHED_PROGRAM = "sockmesh_memcached";

/** What only level splice needs. */
export const SPLICE_PROGRAMS: readonly string[] = [SPLICE_PROGRAM, MEMCACHED_PROGRAM];

/** Connections that the kernel takes part in unless the configuration says otherwise. */
export const DEFAULT_CONNECTIONS = 8192;
/** Sockets of one connection: of the client, of the sidecar towards either side, and of the service. */
const SOCKETS_EACH = 4;

/** The constants that the programs are loaded with. */
export function engineConfig(
  { creditBytes, guard, limits }: Pick<KernelOptions, "creditBytes" | "guard" | "limits">,
  netns: bigint,
  tracing: boolean,
): Uint8Array {
  return new StructBytes(CONFIG)
    .setU32("abi", abiDigest())
    .setU64("netns", netns)
    .setU32("credit", creditBytes)
    .setU32("tracing", tracing ? 1 : 0)
    .setU32("guard", guard ? 1 : 0)
    .setU32("head", limits.headBytes)
    .setU32("lines", limits.headerCount).bytes;
}

/** What was loaded, and why not all of it. */
export interface Loaded {
  readonly object: BpfObject;
  /** The programs that see the ends of recv and send; none where level splice is not there. */
  readonly tracers: readonly string[];
  /** Why level splice is not there; undefined when it is. */
  readonly because: string | undefined;
}

/**
 * The programs that see the ends of recv and send on this kernel. Looked up, not tried: one that does not load keeps all
 * others from loading, and says less.
 */
export function kernelTracers(): readonly string[] {
  const here = kernelHas("btf_trace_sock_recv_length", "btf_trace_sock_send_length") ?? true;
  return here ? TRACEPOINT_PROGRAMS : RETURN_PROGRAMS;
}

/** Those of other kernels: all but the given ones. */
export function otherTracers(tracers: readonly string[]): readonly string[] {
  return [...TRACEPOINT_PROGRAMS, ...RETURN_PROGRAMS].filter((name) => !tracers.includes(name));
}

/**
 * The programs that are not loaded with the engine: those that are loaded later, and what is of no use.
 * @param tracers what sees the ends of recv and send; none: without level splice
 */
export function without(tracers: readonly string[]): readonly string[] {
  return [...GUARD_PROGRAMS, ...otherTracers(tracers), ...(tracers.length > 0 ? [] : SPLICE_PROGRAMS)];
}

/** Loads all programs. Where what level splice needs does not load, all else is loaded. Throws SM_BPF_UNAVAILABLE or SM_BPF_LOAD. */
export function loadEngine(options: KernelOptions): Loaded {
  const load = (tracers: readonly string[]): BpfObject =>
    BpfObject.load({
      ...plan(options, tracers.length > 0),
      entries: mapEntries(options.connections),
      without: without(tracers),
    });
  if (!options.tracing) return { object: load([]), tracers: [], because: NO_TRACING };
  const tracers = kernelTracers();
  try {
    const object = load(tracers);
    if (tracers === RETURN_PROGRAMS) tryReturns(object);
    return { object, tracers, because: undefined };
  } catch (error) {
    const because = `level splice does not load: ${(error as Error).message}`;
    return { object: load([]), tracers: [], because };
  }
}

/** A kernel may load what sees functions return, and then refuse to have it called (arm64 before 6.4). */
function tryReturns(object: BpfObject): void {
  try {
    for (const program of RETURN_PROGRAMS) object.attach(program)();
  } catch (error) {
    object.close();
    throw error;
  }
}

/** Loads some programs alone, over the maps of an object that runs. Throws SM_BPF_LOAD. */
export function loadOver(
  options: KernelOptions,
  tracing: boolean,
  programs: readonly string[],
  over: BpfObject,
): BpfObject {
  const without = BpfObject.programs(options.object).filter((name) => !programs.includes(name));
  return BpfObject.load({ ...plan(options, tracing), without, over });
}

function plan(options: KernelOptions, tracing: boolean): Pick<LoadPlan, "object" | "config"> {
  const config = engineConfig(options, netnsCookie(options.socketFd), tracing);
  return { object: options.object, config };
}

function mapEntries(connections: number): Record<string, number> {
  const records = 2 * connections;
  // Clients enter before it is known whether a record is left, and must not keep out the sockets of those that have one.
  const sockets = Math.max(2 * SOCKETS_EACH * connections, Size.sockets);
  return { sockets, openers: sockets, links: sockets, connections: sockets, records, free_records: records };
}
