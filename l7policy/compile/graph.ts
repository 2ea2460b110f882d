// SPDX-License-Identifier: Apache-2.0
import { Outcome } from "../../core/outcome.js";
import { ActionKind } from "../../core/table.js";
import { HTTP_CLASSES } from "./automata.js";

/** What entering a row means; see `ActionKind`. `value` of a target is the number of a requirement list. */
export interface Action {
  readonly kind: number;
  readonly bits: bigint;
  readonly expect: number;
  readonly value: number;
}

/** One way to fulfil a rule set: all bits of the mask. */
export interface Requirement {
  readonly mask: bigint;
  readonly rule: number;
}

/** The row behind a byte that makes a message non-canonical. Transitions lead here unless they are set. */
export const UNSURE = 0;
/** The row behind a byte after which no rule can match. */
export const REFUSED = 1;
/** Requirement list number of none. */
export const NO_LIST = -1;

/** Thrown while a table grows over a bound. */
export class TooLarge extends Error {
  constructor(readonly reason: "too-many-states" | "too-many-requirements") {
    super(reason);
  }
}

/** Rows of a table under construction, or of a finished one: next rows by row and column. */
export interface Rows {
  /** Column of each byte. */
  readonly columnOf: Uint8Array;
  readonly columns: number;
  readonly cells: Int32Array;
  readonly actions: readonly (Action | undefined)[];
  readonly start: number;
  /** Row before a header line, -1 none. */
  readonly line: number;
  readonly lists: readonly (readonly Requirement[])[];
}

const { of: CLASS_OF, count: CLASSES } = HTTP_CLASSES;

/** Rows of a judge table while it is made, a column for each class of HTTP_CLASSES. */
export class Graph implements Rows {
  readonly columnOf = CLASS_OF;
  readonly columns = CLASSES;
  cells = new Int32Array(0);
  readonly actions: (Action | undefined)[] = [];
  start = -1;
  line = -1;
  readonly lists: (readonly Requirement[])[] = [];
  private readonly listNumbers = new Map<string | number, number>();

  constructor(private readonly mostRows: number) {
    this.add({ kind: ActionKind.unsure, bits: 0n, expect: 0, value: Outcome["slow:not-canonical"] });
    this.add({ kind: ActionKind.refuse, bits: 0n, expect: 0, value: Outcome["slow:not-allowed"] });
    this.cells.fill(REFUSED, REFUSED * CLASSES, (REFUSED + 1) * CLASSES);
  }

  /** A new row; every byte is unsure until it is set. */
  add(action?: Action): number {
    const row = this.actions.length;
    if (row >= this.mostRows) throw new TooLarge("too-many-states");
    this.actions.push(action);
    if ((row + 1) * CLASSES > this.cells.length) {
      const cells = new Int32Array(Math.max(this.cells.length * 2, 256 * CLASSES));
      cells.set(this.cells);
      this.cells = cells;
    }
    return row;
  }

  /** Sets where a byte of ASCII leads. */
  on(row: number, byte: number, to: number): void {
    this.cells[row * CLASSES + byte] = to;
  }

  /** Where a byte of ASCII leads. */
  behind(row: number, byte: number): number {
    return this.cells[row * CLASSES + byte]!;
  }

  /** Sets where all bytes of ASCII lead that a set holds. */
  onAll(row: number, set: Uint8Array, to: number): void {
    for (let byte = 0; byte < 0x80; byte++) if (set[byte] === 1) this.cells[row * CLASSES + byte] = to;
  }

  /** Number of a requirement list; equal lists share it. */
  list(requirements: readonly Requirement[]): number {
    const [first] = requirements;
    const key =
      requirements.length === 1 && first?.mask === 0n
        ? first.rule
        : requirements.map(({ mask, rule }) => `${mask} ${rule}`).join();
    const known = this.listNumbers.get(key) ?? this.lists.length;
    if (known === this.lists.length) {
      this.lists.push(requirements);
      this.listNumbers.set(key, known);
    }
    return known;
  }
}
