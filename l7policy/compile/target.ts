// SPDX-License-Identifier: Apache-2.0
import { ActionKind } from "../../core/table.js";
import { setOf } from "../automaton/bytes.js";
import { DEAD, type Subsets } from "../automaton/subsets.js";
import type { Determined } from "./automata.js";
import { NO_LIST, REFUSED, TooLarge, type Graph } from "./graph.js";
import { act, SP } from "./head.js";
import type { Plan } from "./plan.js";
import { requirementsOf } from "./requirements.js";

const HEX = setOf((byte) => /[0-9A-Fa-f]/.test(String.fromCharCode(byte)));
/** What protocols/http1 lets a target hold (RFC 3986). */
const TARGET = setOf(
  (byte) => byte > 0x20 && byte < 0x7f && !'"#<>\\^`{|}'.includes(String.fromCharCode(byte)),
);

/** Where in a canonical target a byte stands. */
const Place = { first: 0, slash: 1, path: 2, query: 3, percent: 4, hex: 5, count: 6 } as const;

/** The place behind a byte of the target, -1 when the target is not canonical then. */
function placeBehind(place: number, byte: number): number {
  const char = String.fromCharCode(byte);
  if (TARGET[byte] !== 1) return -1;
  switch (place) {
    case Place.first:
      return char === "/" ? Place.slash : -1;
    case Place.slash:
    case Place.path:
      if (char === "%" || char === ";") return -1;
      if (place === Place.slash && (char === "/" || char === ".")) return -1;
      if (char === "/") return Place.slash;
      return char === "?" ? Place.query : Place.path;
    case Place.query:
      return char === "%" ? Place.percent : Place.query;
    default:
      if (HEX[byte] !== 1) return -1;
      return place === Place.percent ? Place.hex : Place.query;
  }
}

/** By place and byte: the place behind. */
const BEHIND = Array.from({ length: Place.count }, (_, place) =>
  Int8Array.from({ length: 0x80 }, (_, byte) => placeBehind(place, byte)),
);
/** By place: the bytes that may stand there. */
const BYTES_AT = BEHIND.map((behind) =>
  Uint8Array.from([...behind.keys()].filter((byte) => behind[byte]! >= 0)),
);

/** Steps of the subset construction for one table, in NFA states looked at. */
const MOST_WORK = 30_000_000;

/** Rules that are possible behind a method, and how the answer to it is framed. */
interface Branch {
  readonly methods: ReadonlySet<number>;
  readonly expect: number;
  /** Rows by place and state of the patterns. */
  readonly rows: Map<number, number>;
  /** Requirement list of each pattern by itself. */
  readonly lists: Map<number, number>;
  /** Rows behind the space that ends the target, by the patterns that match. */
  readonly ends: Map<string, number>;
}

/** The rows of the request's target: what the path patterns make of it, while it is canonical. */
export class TargetRows {
  private readonly determined: Determined;
  private readonly mostWork: number;
  private readonly waiting: (() => void)[] = [];
  /** Rows of patterns of which only the rest is left. */
  private readonly restRows = new Map<number, number>();
  /** The first of these rows for each pattern: it takes the pattern's requirements. */
  private readonly entries = new Map<string, number>();
  /** Behind the space, where the requirements have been taken before. */
  private readonly settledEnd: number;
  private readonly single: boolean;

  /** @param version row behind the `H` of the version */
  constructor(
    private readonly graph: Graph,
    private readonly plan: Plan,
    private readonly version: number,
  ) {
    this.determined = plan.automata.paths.determined;
    this.mostWork = this.determined.work + MOST_WORK;
    this.single = plan.sets.length === 1;
    this.settledEnd = graph.add();
    graph.on(this.settledEnd, 0x48, version);
  }

  /** The row before a target, behind a method that these patterns match. */
  behind(methods: ReadonlySet<number>, expect: number): number {
    const { plan } = this;
    const possible = [...plan.terms].filter(([, terms]) =>
      terms.some(({ method }) => method < 0 || methods.has(method)),
    );
    const { starts } = plan.automata.paths;
    const state = this.determined.states.start(possible.map(([path]) => starts[path]!));
    const branch: Branch = { methods, expect, rows: new Map(), lists: new Map(), ends: new Map() };
    const row = this.rowOf(branch, Place.first, state);
    for (let next = this.waiting.pop(); next; next = this.waiting.pop()) next();
    return row;
  }

  private rowOf(branch: Branch, place: number, state: number): number {
    const key = place + Place.count * state;
    let row = branch.rows.get(key);
    if (row !== undefined) return row;
    const rest = this.single ? this.determined.rest(state) : DEAD;
    row = rest === DEAD ? this.openRow(branch, place, state) : this.entry(branch, place, state, rest);
    branch.rows.set(key, row);
    return row;
  }

  private openRow(branch: Branch, place: number, state: number): number {
    const row = this.graph.add();
    const { states } = this.determined;
    this.waiting.push(() => {
      this.fill(row, place, states, state, (behind, next) => this.rowOf(branch, behind, next));
      if (mayEnd(place)) this.graph.on(row, SP, this.end(branch, states.accepts(state)));
    });
    return row;
  }

  /** Only one pattern is left: what it requires is settled, and its rest may be that of other patterns too. */
  private entry(branch: Branch, place: number, state: number, rest: number): number {
    const { graph } = this;
    const list = this.listOf(branch, this.determined.only(state));
    if (list === NO_LIST) return REFUSED;
    const key = `${list} ${branch.expect} ${place} ${rest}`;
    let row = this.entries.get(key);
    if (row === undefined) {
      row = graph.add(act(ActionKind.target, 0n, branch.expect, list));
      this.entries.set(key, row);
      this.fillRest(row, place, rest);
    }
    return row;
  }

  /** Number of the list of what one pattern requires behind a method. */
  private listOf({ methods, lists }: Branch, path: number): number {
    let list = lists.get(path);
    if (list === undefined) {
      const needed = requirementsOf(this.plan, methods, Int32Array.of(path));
      list = needed ? this.graph.list(needed) : NO_LIST;
      lists.set(path, list);
    }
    return list;
  }

  private restRow(place: number, rest: number): number {
    const key = place + Place.count * rest;
    let row = this.restRows.get(key);
    if (row === undefined) {
      row = this.graph.add();
      this.restRows.set(key, row);
      this.fillRest(row, place, rest);
    }
    return row;
  }

  private fillRest(row: number, place: number, rest: number): void {
    const { rests } = this.determined;
    this.waiting.push(() => {
      this.fill(row, place, rests, rest, (behind, next) => this.restRow(behind, next));
      if (mayEnd(place)) this.graph.on(row, SP, rests.accepts(rest).length > 0 ? this.settledEnd : REFUSED);
    });
  }

  private fill(
    row: number,
    place: number,
    subsets: Subsets,
    state: number,
    rowOf: (place: number, state: number) => number,
  ): void {
    const { graph } = this;
    const { count } = subsets.classes;
    if (this.determined.work > this.mostWork) throw new TooLarge("too-many-states");
    subsets.expand(state);
    const bytes = BYTES_AT[place]!;
    const behind = BEHIND[place]!;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!;
      const next = subsets.next[state * count + byte]!;
      graph.on(row, byte, next === DEAD ? REFUSED : rowOf(behind[byte]!, next));
    }
  }

  /** The row of the space behind the target: the requirements of the rules whose method and path match. */
  private end(branch: Branch, paths: Int32Array): number {
    const key = paths.join();
    let row = branch.ends.get(key);
    if (row === undefined) {
      const needed = requirementsOf(this.plan, branch.methods, paths);
      row = REFUSED;
      if (needed) {
        row = this.graph.add(act(ActionKind.target, 0n, branch.expect, this.graph.list(needed)));
        this.graph.on(row, 0x48, this.version);
      }
      branch.ends.set(key, row);
    }
    return row;
  }
}

function mayEnd(place: number): boolean {
  return place === Place.slash || place === Place.path || place === Place.query;
}
