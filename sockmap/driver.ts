// SPDX-License-Identifier: Apache-2.0
import { closeSync, existsSync, openSync } from "node:fs";
import { isAbsolute } from "node:path";
import { fileURLToPath } from "node:url";
import { SockmeshError } from "../core/errors.js";
import { errnoName, lastErrno, loadLibbpf, readWord, type Libbpf, type Pointer } from "./libbpf.js";
import { BpfMap } from "./map.js";
import { u32Key } from "./structs.js";

const LOG_BYTES = 1 << 24;
const LOAD_TRIES = 10;
const SK_MSG_VERDICT = 7; // enum bpf_attach_type
const PROGRAM_INFO_BYTES = 232; // struct bpf_prog_info as of 5.18; older kernels fill less
const VERIFIED_INSTRUCTIONS = 216; // its field verified_insns (5.16)

/** What to load and how. */
export interface LoadPlan {
  /** File name of an object in sockmap/bpf/, or an absolute path. */
  readonly object: string;
  /** Bytes of the one `const volatile` struct. The first word, `abiDigest`, must be what the object has there. */
  readonly config: Uint8Array;
  /** A loaded object whose maps are taken instead of new ones. */
  readonly over?: BpfObject;
  /** Entries of maps that have other numbers of them than the object says, by name. */
  readonly entries?: Readonly<Record<string, number>>;
  /** Programs that this kernel may lack; left out together when it does. */
  readonly without: readonly string[];
}

/** One program of an object. */
export interface ProgramCost {
  readonly name: string;
  /** Instructions that the verifier went through; undefined for a program that was left out. */
  readonly verified: number | undefined;
}

/** Path of a committed BPF object, from the sources or from dist/. An absolute path stays what it is. */
export function objectPath(name: string): string {
  if (isAbsolute(name)) return name;
  for (const relative of ["./bpf/", "../../sockmap/bpf/"]) {
    const path = fileURLToPath(new URL(relative + name, import.meta.url));
    if (existsSync(path)) return path;
  }
  throw new SockmeshError("SM_BPF_UNAVAILABLE", `the BPF object ${name} is missing from the installation`);
}

/**
 * A loaded BPF object and its attachments. All or nothing: a failure while loading or attaching undoes what was done.
 * Nothing is pinned, so that the end of this process, however it comes, detaches everything.
 */
export class BpfObject {
  private readonly links: Pointer[] = [];
  private readonly maps = new Map<string, BpfMap>();

  private constructor(
    private readonly bpf: Libbpf,
    private object: Pointer,
  ) {}

  /** Opens, configures and loads. Throws SM_BPF_UNAVAILABLE or SM_BPF_LOAD with the tail of the verifier's log. */
  static load(plan: LoadPlan): BpfObject {
    for (let tries = 1; ; tries++)
      try {
        return BpfObject.loadOnce(plan);
      } catch (error) {
        // The verifier gives up when a signal waits for the process (a profiler's, say): the same load may pass next.
        if (tries === LOAD_TRIES || !(error instanceof SockmeshError && error.message.includes("EAGAIN")))
          throw error;
      }
  }

  private static loadOnce(plan: LoadPlan): BpfObject {
    const bpf = loadLibbpf();
    const path = objectPath(plan.object);
    const object = bpf.open(path, null);
    if (!object) throw new SockmeshError("SM_BPF_LOAD", `${plan.object}: open: ${errnoName(lastErrno())}`);
    const log = new Uint8Array(LOG_BYTES);
    try {
      const rodata = bpf.findMap(object, CONSTANTS);
      checkAbi(bpf, rodata, plan);
      if (plan.over) plan.over.lendMaps(object);
      const set = bpf.setInitialValue(rodata, plan.config, plan.config.length);
      if (set < 0) throw new SockmeshError("SM_BPF_LOAD", `${plan.object}: configuration: ${errnoName(set)}`);
      for (const [name, entries] of Object.entries(plan.entries ?? {}))
        bpf.setMaxEntries(bpf.findMap(object, name), entries);
      for (const name of plan.without) bpf.setAutoload(bpf.findProgram(object, name), false);
      for (const program of programsOf(bpf, object)) bpf.setLogBuffer(program, log, log.length);
      const loaded = bpf.load(object);
      if (loaded < 0)
        throw new SockmeshError("SM_BPF_LOAD", `${plan.object}: ${errnoName(loaded)}${logTail(log)}`);
    } catch (error) {
      bpf.close(object);
      throw error;
    }
    return new BpfObject(bpf, object);
  }

  /** Has an object that is not loaded yet use this one's maps. */
  private lendMaps(object: Pointer): void {
    const { bpf } = this;
    for (let map = bpf.nextMap(object, null); map; map = bpf.nextMap(object, map)) {
      const name: string = bpf.mapName(map);
      if (name.includes(CONSTANTS)) continue;
      const failed = bpf.reuseFd(map, this.map(name).fd);
      if (failed < 0) throw new SockmeshError("SM_BPF_MAP", `${name}: ${errnoName(failed)}`);
    }
  }

  /** The names of the programs in an object, in the order in which they are loaded. */
  static programs(object: string): string[] {
    const bpf = loadLibbpf();
    const opened = bpf.open(objectPath(object), null);
    if (!opened) throw new SockmeshError("SM_BPF_LOAD", `${object}: open: ${errnoName(lastErrno())}`);
    try {
      return programsOf(bpf, opened).map((program) => bpf.programName(program));
    } finally {
      bpf.close(opened);
    }
  }

  /** What each program cost the verifier, whose limit is a million instructions. */
  costs(): ProgramCost[] {
    return programsOf(this.bpf, this.object).map((program) => {
      const fd = this.bpf.programFd(program);
      const name = this.bpf.programName(program);
      if (fd < 0) return { name, verified: undefined };
      const info = new Uint8Array(PROGRAM_INFO_BYTES);
      const told = this.bpf.infoByFd(fd, info, Uint32Array.of(info.length));
      if (told < 0) throw new SockmeshError("SM_BPF_LOAD", `${name}: information: ${errnoName(told)}`);
      return { name, verified: new DataView(info.buffer).getUint32(VERIFIED_INSTRUCTIONS, true) };
    });
  }

  /** A map by name. */
  map(name: string): BpfMap {
    const known = this.maps.get(name);
    if (known) return known;
    const map = this.bpf.findMap(this.object, name);
    if (!map) throw new SockmeshError("SM_BPF_MAP", `the object has no map ${name}`);
    const made = new BpfMap(this.bpf, name, this.bpf.mapFd(map));
    this.maps.set(name, made);
    return made;
  }

  /** Runs a program on every message of the sockets in a map. Ends with the map. */
  attachToMap(program: string, map: string): void {
    const result = this.bpf.attachToMap(this.programFd(program), this.map(map).fd, SK_MSG_VERDICT, 0);
    if (result < 0) throw new SockmeshError("SM_BPF_ATTACH", `${program}: ${errnoName(result)}`);
  }

  /** Makes a program reachable by tail call at a place of a program array, in place of the one there. */
  placeProgram(program: string, map: string, place: number): void {
    this.map(map).update(u32Key(place), u32Key(this.programFd(program)));
  }

  /** Attaches to a cgroup v2 directory; the returned function detaches. */
  attachToCgroup(program: string, directory: string): () => void {
    return this.attachByFile(program, directory, (fd) => this.bpf.attachCgroup(this.program(program), fd));
  }

  /** Attaches to a network namespace named by a file like `/proc/self/ns/net`; the returned function detaches. */
  attachToNetns(program: string, file: string): () => void {
    return this.attachByFile(program, file, (fd) => this.bpf.attachNetns(this.program(program), fd));
  }

  /** Attaches where the program's section says. */
  attach(program: string): () => void {
    return this.keep(program, this.bpf.attach(this.program(program)));
  }

  /** Number of per-CPU slots that a lookup in a per-CPU map fills. */
  cpus(): number {
    return this.bpf.cpus();
  }

  /** Detaches everything and gives the object back. Sockets in its maps go on; idempotent. */
  close(): void {
    if (!this.object) return;
    for (const link of this.links.splice(0)) this.bpf.destroyLink(link);
    this.bpf.close(this.object);
    this.object = undefined;
  }

  private attachByFile(program: string, file: string, attach: (fd: number) => Pointer): () => void {
    const fd = openSync(file, "r");
    try {
      return this.keep(program, attach(fd));
    } finally {
      closeSync(fd);
    }
  }

  private keep(program: string, link: Pointer): () => void {
    if (!link) throw new SockmeshError("SM_BPF_ATTACH", `${program}: ${errnoName(lastErrno())}`);
    this.links.push(link);
    return () => {
      const at = this.links.indexOf(link);
      if (at < 0) return;
      this.links.splice(at, 1);
      this.bpf.destroyLink(link);
    };
  }

  private program(name: string): Pointer {
    const program = this.bpf.findProgram(this.object, name);
    if (!program) throw new SockmeshError("SM_BPF_ATTACH", `the object has no program ${name}`);
    return program;
  }

  private programFd(name: string): number {
    return this.bpf.programFd(this.program(name));
  }
}

/** The map of the struct of constants. */
const CONSTANTS = ".rodata.config";

function checkAbi(bpf: Libbpf, rodata: Pointer, plan: LoadPlan): void {
  const size: [number] = [0];
  const value = bpf.initialValue(rodata, size);
  const { config } = plan;
  const [wanted] = new Uint32Array(config.buffer, config.byteOffset, 1);
  if (size[0] !== config.length || readWord(value) !== wanted)
    throw new SockmeshError("SM_BPF_LOAD", `${plan.object}: made for another version of sockmesh`);
}

function programsOf(bpf: Libbpf, object: Pointer): Pointer[] {
  const programs: Pointer[] = [];
  for (let program = bpf.nextProgram(object, null); program; program = bpf.nextProgram(object, program))
    programs.push(program);
  return programs;
}

/** The last lines of a verifier log: where it gave up. */
function logTail(log: Uint8Array): string {
  const end = log.indexOf(0);
  const text = Buffer.from(log.subarray(0, end < 0 ? log.length : end))
    .toString("utf8")
    .trimEnd();
  return text ? `; verifier:\n${text.split("\n").slice(-12).join("\n")}` : "";
}
