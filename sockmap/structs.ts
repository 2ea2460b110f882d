// SPDX-License-Identifier: Apache-2.0
import { layoutOf, type StructLayout } from "./abi.js";

/** A struct of the ABI as bytes that can be filled and read by field name. Not for the hot path. */
export class StructBytes {
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly offset: Readonly<Record<string, number>>;

  constructor(struct: StructLayout) {
    const { size, offset } = layoutOf(struct);
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
    this.offset = offset;
  }

  /** Sets a u32 field. */
  setU32(name: string, value: number): this {
    this.view.setUint32(this.at(name), value, true);
    return this;
  }

  /** Sets a u64 field. */
  setU64(name: string, value: bigint): this {
    this.view.setBigUint64(this.at(name), value, true);
    return this;
  }

  /** Copies bytes into a u8 array field. */
  setBytes(name: string, value: Uint8Array): this {
    this.bytes.set(value, this.at(name));
    return this;
  }

  /** A u32 field. */
  u32(name: string): number {
    return this.view.getUint32(this.at(name), true);
  }

  /** A u64 field. */
  u64(name: string): bigint {
    return this.view.getBigUint64(this.at(name), true);
  }

  /** A u8 array field of 16 bytes, as a view. */
  address(name: string): Uint8Array {
    return this.bytes.subarray(this.at(name), this.at(name) + 16);
  }

  private at(name: string): number {
    const at = this.offset[name];
    if (at === undefined) throw new RangeError(`no field ${name}`);
    return at;
  }
}

/** A number as the 4 bytes of a u32 key. */
export function u32Key(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

/** A number as the 8 bytes of a u64 key. */
export function u64Key(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(value).buffer);
}
