// SPDX-License-Identifier: Apache-2.0
import koffi from "koffi";
import { SockmeshError } from "../core/errors.js";

/** An opaque pointer of libbpf or libc. */
export type Pointer = unknown;

const PROTOTYPES = {
  open: "void *bpf_object__open_file(const char *path, const void *opts)",
  load: "int bpf_object__load(void *object)",
  close: "void bpf_object__close(void *object)",
  findMap: "void *bpf_object__find_map_by_name(void *object, const char *name)",
  findProgram: "void *bpf_object__find_program_by_name(void *object, const char *name)",
  nextProgram: "void *bpf_object__next_program(void *object, void *previous)",
  nextMap: "void *bpf_object__next_map(void *object, void *previous)",
  mapName: "const char *bpf_map__name(void *map)",
  reuseFd: "int bpf_map__reuse_fd(void *map, int fd)",
  initialValue: "void *bpf_map__initial_value(void *map, _Out_ size_t *size)",
  mapFd: "int bpf_map__fd(void *map)",
  setMaxEntries: "int bpf_map__set_max_entries(void *map, uint32_t entries)",
  setInitialValue: "int bpf_map__set_initial_value(void *map, const void *data, size_t size)",
  programFd: "int bpf_program__fd(void *program)",
  programName: "const char *bpf_program__name(void *program)",
  infoByFd: "int bpf_obj_get_info_by_fd(int fd, void *info, uint32_t *length)",
  setAutoload: "int bpf_program__set_autoload(void *program, bool autoload)",
  setLogBuffer: "int bpf_program__set_log_buf(void *program, void *buffer, size_t size)",
  attach: "void *bpf_program__attach(void *program)",
  attachCgroup: "void *bpf_program__attach_cgroup(void *program, int fd)",
  attachNetns: "void *bpf_program__attach_netns(void *program, int fd)",
  destroyLink: "int bpf_link__destroy(void *link)",
  attachToMap: "int bpf_prog_attach(int program, int target, int type, unsigned int flags)",
  update: "int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags)",
  lookup: "int bpf_map_lookup_elem(int fd, const void *key, void *value)",
  take: "int bpf_map_lookup_and_delete_elem(int fd, const void *key, void *value)",
  delete: "int bpf_map_delete_elem(int fd, const void *key)",
  nextKey: "int bpf_map_get_next_key(int fd, const void *key, void *next)",
  cpus: "int libbpf_num_possible_cpus()",
  setPrint: "void *libbpf_set_print(void *print)",
  createMap:
    "int bpf_map_create(int type, const char *name, uint32_t key, uint32_t value, uint32_t entries, const void *opts)",
  newRing: "void *ring_buffer__new(int fd, void *callback, void *context, const void *opts)",
  ringFd: "int ring_buffer__epoll_fd(void *ring)",
  consumeRing: "int ring_buffer__consume(void *ring)",
  freeRing: "void ring_buffer__free(void *ring)",
} as const;

type Name = keyof typeof PROTOTYPES;
/** The functions of libbpf that the driver uses, by short name. Integers below 0 are negated errno values. */
export type Libbpf = Record<Name, (...args: unknown[]) => never> & {
  open(path: string, opts: null): Pointer;
  load(object: Pointer): number;
  close(object: Pointer): void;
  findMap(object: Pointer, name: string): Pointer;
  findProgram(object: Pointer, name: string): Pointer;
  nextProgram(object: Pointer, previous: Pointer): Pointer;
  nextMap(object: Pointer, previous: Pointer): Pointer;
  mapName(map: Pointer): string;
  reuseFd(map: Pointer, fd: number): number;
  initialValue(map: Pointer, size: [number]): Pointer;
  mapFd(map: Pointer): number;
  setMaxEntries(map: Pointer, entries: number): number;
  setInitialValue(map: Pointer, data: Uint8Array, size: number): number;
  programFd(program: Pointer): number;
  programName(program: Pointer): string;
  infoByFd(fd: number, info: Uint8Array, length: Uint32Array): number;
  setAutoload(program: Pointer, autoload: boolean): number;
  setLogBuffer(program: Pointer, buffer: Uint8Array, size: number): number;
  attach(program: Pointer): Pointer;
  attachCgroup(program: Pointer, fd: number): Pointer;
  attachNetns(program: Pointer, fd: number): Pointer;
  destroyLink(link: Pointer): number;
  attachToMap(program: number, target: number, type: number, flags: number): number;
  update(fd: number, key: Uint8Array | null, value: Uint8Array, flags: number): number;
  lookup(fd: number, key: Uint8Array, value: Uint8Array): number;
  take(fd: number, key: Uint8Array, value: Uint8Array): number;
  delete(fd: number, key: Uint8Array): number;
  nextKey(fd: number, key: Uint8Array | null, next: Uint8Array): number;
  cpus(): number;
  setPrint(print: null): Pointer;
  createMap(type: number, name: string, key: number, value: number, entries: number, opts: null): number;
  newRing(fd: number, callback: Pointer, context: null, opts: null): Pointer;
  ringFd(ring: Pointer): number;
  consumeRing(ring: Pointer): number;
  freeRing(ring: Pointer): void;
};

/** A 32-bit word of memory that libbpf gave a pointer to. */
export function readWord(at: Pointer): number {
  return koffi.decode(at as never, "uint32_t") as number;
}

/** The functions of libc that the engine uses. */
export interface Libc {
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, length: Int32Array): number;
  getpeername(fd: number, address: Uint8Array, length: Int32Array): number;
  mmap(at: null, length: number, protection: number, flags: number, fd: number, offset: number): Pointer;
  munmap(at: Pointer, length: number): number;
  /** Gives freed memory of the C heap back to the system, but for `pad` bytes. */
  trim(pad: number): number;
  /** Waits for one descriptor to become readable, in a thread of its own; done when it is or the time is over. */
  waitReadable(fd: number, timeoutMs: number, done: () => void): void;
}

let libbpf: Libbpf | undefined;
let libc: Libc | undefined;

/** Loads `libbpf.so.1` (1.0 or later) once. Throws SM_BPF_UNAVAILABLE where it is not installed. */
export function loadLibbpf(): Libbpf {
  if (libbpf) return libbpf;
  try {
    const library = koffi.load("libbpf.so.1");
    const table = Object.entries(PROTOTYPES).map(
      ([name, prototype]) => [name, library.func(prototype)] as const,
    );
    libbpf = Object.fromEntries(table) as unknown as Libbpf;
  } catch (cause) {
    throw new SockmeshError("SM_BPF_UNAVAILABLE", "libbpf.so.1 cannot be loaded", { cause });
  }
  libbpf.setPrint(null); // the verifier's log is taken from our own buffer
  return libbpf;
}

/** Loads libc's socket and memory calls once. */
export function loadLibc(): Libc {
  if (libc) return libc;
  const library = koffi.load("libc.so.6");
  const poll = library.func("int poll(void *fds, unsigned long count, int timeout)");
  libc = {
    getsockopt: library.func(
      "int getsockopt(int fd, int level, int option, void *value, void *length)",
    ) as Libc["getsockopt"],
    getpeername: library.func("int getpeername(int fd, void *address, void *length)") as Libc["getpeername"],
    mmap: library.func(
      "void *mmap(void *at, size_t length, int prot, int flags, int fd, int64_t offset)",
    ) as Libc["mmap"],
    munmap: library.func("int munmap(void *at, size_t length)") as Libc["munmap"],
    trim: library.func("int malloc_trim(size_t pad)") as Libc["trim"],
    waitReadable(fd, timeoutMs, done) {
      // The call writes to it from its own thread: it must live, and stay where it is, until then.
      const waited = Buffer.allocUnsafeSlow(8);
      waited.writeInt32LE(fd, 0);
      waited.writeInt32LE(1 /* POLLIN */, 4);
      poll.async(waited, 1, timeoutMs, () => {
        waited.fill(0);
        done();
      });
    },
  };
  return libc;
}

/** Name of an errno value, e.g. `EPERM`. */
export function errnoName(errno: number): string {
  const names = koffi.os.errno as Record<string, number>;
  for (const name in names) if (names[name] === Math.abs(errno)) return name;
  return `errno ${Math.abs(errno)}`;
}

/** The errno that the last failed libc or libbpf call of this thread left. */
export function lastErrno(): number {
  return koffi.errno();
}

/** Maps a BPF_F_MMAPABLE array (or part of a file) into this process, shared and writable. */
export function mapShared(fd: number, bytes: number): { buffer: ArrayBuffer; unmap: () => void } {
  const c = loadLibc();
  const at = c.mmap(null, bytes, 3 /* PROT_READ | PROT_WRITE */, 1 /* MAP_SHARED */, fd, 0);
  const address = at === null ? -1n : BigInt(koffi.address(at as never));
  if (address === -1n || address === 0xffffffffffffffffn)
    throw new SockmeshError("SM_BPF_MAP", `mmap of a BPF map failed: ${errnoName(lastErrno())}`);
  return { buffer: koffi.view(at as never, bytes) as ArrayBuffer, unmap: () => void c.munmap(at, bytes) };
}

/** A function that libbpf calls for each record of a ring buffer, with the record's bytes as u32 numbers. */
export function ringCallback(callback: (value: number) => void): { pointer: Pointer; release: () => void } {
  const type = koffi.pointer(koffi.proto("int SockmeshRing(void *context, void *data, size_t size)"));
  const pointer = koffi.register((_context: unknown, data: unknown) => {
    callback(koffi.decode(data as never, "uint32_t") as number);
    return 0;
  }, type);
  return { pointer, release: () => koffi.unregister(pointer) };
}
