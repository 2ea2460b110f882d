// SPDX-License-Identifier: Apache-2.0
import { TABLE_SIZES, TableHeader } from "../core/table.js";
import { Size, SlotBits } from "./abi.js";
import type { BpfObject } from "./driver.js";
import type { Table } from "./engine.js";

/** A table in the kernel. */
interface Loaded {
  readonly number: number;
  /** Connections that are judged with it. */
  users: number;
}

/**
 * Judge tables in the kernel, each in a map of its own behind an outer map of its size. A table never changes once it is
 * loaded: another policy is another table, and a connection changes over by one word of its record.
 */
export class Slots {
  /** By table id; those that were used least recently stand first. */
  private readonly loaded = new Map<string, Loaded>();
  /** Per size: places that were given out. Number 0 means none. */
  private readonly places = TABLE_SIZES.map(() => 1);
  /** Tally 0 is for the rules of tables that found no place of their own. */
  private series = 1;
  /** Tables that were loaded. */
  private serial = 0;
  /** Groups by tally, where tables name them. */
  readonly groups = new Map<number, string>();

  constructor(private readonly object: BpfObject) {}

  /** Tallies that rules were given. */
  get tallies(): number {
    return this.series;
  }

  /**
   * Number of a table for one more user; loads it when it is new. 0 when the kernel cannot run it, refuses the map or has
   * no place left: then everything is judged in TypeScript, and never with the table of an older policy.
   */
  acquire(table: Table): number {
    const known = this.loaded.get(table.id);
    if (known) {
      this.loaded.delete(table.id);
      this.loaded.set(table.id, known);
      known.users++;
      return known.number;
    }
    const size = TABLE_SIZES.findIndex((bytes) => table.bytes.length <= bytes);
    const place = table.kernel && size >= 0 ? this.placeOf(size) : 0;
    if (place === 0) return 0;
    try {
      this.load(table, size, place);
    } catch {
      return 0;
    }
    const number = (size << SlotBits.size) | place;
    this.loaded.set(table.id, { number, users: 1 });
    return number;
  }

  /** A user of a table has gone over to another one, or ended. */
  release(table: Table): void {
    const known = this.loaded.get(table.id);
    if (known) known.users--;
  }

  /** A place nobody uses: a new one, else that of the table that is unused for longest; 0 when all are in use. */
  private placeOf(size: number): number {
    const place = this.places[size] ?? Size.slots;
    if (place < Size.slots) {
      this.places[size] = place + 1;
      return place;
    }
    for (const [id, { number, users }] of this.loaded) {
      if (users > 0 || number >> SlotBits.size !== size) continue;
      this.loaded.delete(id);
      return number & ((1 << SlotBits.size) - 1);
    }
    return 0;
  }

  private load({ bytes, rules, groups }: Table, size: number, place: number): void {
    const whole = new Uint8Array(TABLE_SIZES[size] ?? 0);
    whole.set(bytes);
    const fits = this.series + rules <= Size.tallies;
    const header = new DataView(whole.buffer);
    header.setUint32(TableHeader.series, fits ? this.series : 0, true);
    header.setUint32(TableHeader.serial, ++this.serial, true);
    if (fits) {
      groups?.forEach((group, at) => this.groups.set(this.series + at, group));
      this.series += rules;
    }
    this.object.map(`tables_${size}`).updateInner(place, whole);
  }
}
