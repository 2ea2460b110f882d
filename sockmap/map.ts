// SPDX-License-Identifier: Apache-2.0
import { closeSync } from "node:fs";
import { SockmeshError } from "../core/errors.js";
import { errnoName, mapShared, type Libbpf } from "./libbpf.js";
import { u32Key } from "./structs.js";

const MAP_TYPE_ARRAY = 2; // enum bpf_map_type

/** One BPF map of a loaded object. Keys and values are raw bytes in host order. */
export class BpfMap {
  constructor(
    private readonly bpf: Libbpf,
    readonly name: string,
    readonly fd: number,
  ) {}

  /** Inserts or replaces. Throws SM_BPF_MAP when the map is full or refuses the value. */
  update(key: Uint8Array | null, value: Uint8Array): void {
    const result = this.bpf.update(this.fd, key, value, 0);
    if (result < 0) throw new SockmeshError("SM_BPF_MAP", `map ${this.name}: update: ${errnoName(result)}`);
  }

  /** Reads into `value`; false when there is no such key. */
  lookup(key: Uint8Array, value: Uint8Array): boolean {
    return this.bpf.lookup(this.fd, key, value) === 0;
  }

  /** Reads and removes in one call (kernel 5.14 for hashes); false when there is no such key. */
  take(key: Uint8Array, value: Uint8Array): boolean {
    return this.bpf.take(this.fd, key, value) === 0;
  }

  /** Removes; no error when there is no such key. */
  delete(key: Uint8Array): void {
    this.bpf.delete(this.fd, key);
  }

  /** Puts a new array map with one value at a place of this map of maps. Who uses the old one ends with it. */
  updateInner(place: number, value: Uint8Array): void {
    const fd = this.bpf.createMap(MAP_TYPE_ARRAY, "sockmesh_table", 4, value.length, 1, null);
    if (fd < 0) throw new SockmeshError("SM_BPF_MAP", `map ${this.name}: create: ${errnoName(fd)}`);
    try {
      const inner = new BpfMap(this.bpf, `${this.name}[${place}]`, fd);
      inner.update(u32Key(0), value);
      this.update(u32Key(place), u32Key(fd));
    } finally {
      closeSync(fd);
    }
  }

  /** All keys at about this moment. */
  keys(bytes: number): Uint8Array[] {
    const keys: Uint8Array[] = [];
    for (let key: Uint8Array | null = null; ;) {
      const next = new Uint8Array(bytes);
      if (this.bpf.nextKey(this.fd, key, next) < 0) return keys;
      keys.push(next);
      key = next;
    }
  }

  /** The map's memory, shared with the kernel (BPF_F_MMAPABLE). */
  share(bytes: number): { buffer: ArrayBuffer; unmap: () => void } {
    return mapShared(this.fd, bytes);
  }
}
