// SPDX-License-Identifier: Apache-2.0
import { ActionKind, TableBit } from "../../core/table.js";
import { classesOf, setOf, type ByteClasses, type ByteSet } from "../automaton/bytes.js";
import { DEAD, Subsets } from "../automaton/subsets.js";
import type { FieldAutomata } from "./fields.js";
import { Graph, REFUSED, TooLarge } from "./graph.js";
import {
  act,
  bit,
  chain,
  COLON,
  CR,
  DIGIT,
  HeaderRows,
  LENGTH,
  PRINTABLE,
  setsOf,
  SP,
  TOKEN,
  type ValueRows,
} from "./head.js";
import type { Plan } from "./plan.js";
import { requirementsOf } from "./requirements.js";

const UPPER = setOf((byte) => byte >= 0x41 && byte <= 0x5a);
const HOST = setOf((byte) => /[A-Za-z0-9._-]/.test(String.fromCharCode(byte)));
const HEX = setOf((byte) => /[0-9A-Fa-f]/.test(String.fromCharCode(byte)));
/** What protocols/http1 lets a target hold (RFC 3986). */
const TARGET = setOf(
  (byte) => byte > 0x20 && byte < 0x7f && !'"#<>\\^`{|}'.includes(String.fromCharCode(byte)),
);
const MOST_METHOD = 20;
const MOST_PORT_DIGITS = 5;
/** Longest header value of a rule that a table compares; longer ones are left to TypeScript. */
const MOST_VALUE = 1024;
/** Methods that frame differently, or begin another protocol. */
const SPECIAL_METHODS = ["HEAD", "CONNECT", "PRI"];
/** Headers that make a request anything but plain. */
const REFUSED_HEADERS = [
  "transfer-encoding",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "http2-settings",
  "proxy-connection",
  "keep-alive",
];
const HOST_SEEN = bit(TableBit.host);

/** Where in a canonical target a byte stands. */
const Target = { first: 0, slash: 1, path: 2, query: 3, percent: 4, hex: 5, places: 6 } as const;

/** The place behind a byte of the target, -1 when the target is not canonical then. */
function placeBehind(place: number, byte: number): number {
  const char = String.fromCharCode(byte);
  if (TARGET[byte] !== 1) return -1;
  switch (place) {
    case Target.first:
      return char === "/" ? Target.slash : -1;
    case Target.slash:
    case Target.path:
      if (char === "%" || char === ";") return -1;
      if (place === Target.slash && (char === "/" || char === ".")) return -1;
      if (char === "/") return Target.slash;
      return char === "?" ? Target.query : Target.path;
    case Target.query:
      return char === "%" ? Target.percent : Target.query;
    default:
      if (HEX[byte] !== 1) return -1;
      return place === Target.percent ? Target.hex : Target.query;
  }
}

/** Cells of a table under construction. */
const MOST_CELLS = 8 * 1024 * 1024;
/** Steps of the subset construction, in states looked at. */
const MOST_WORK = 30_000_000;

/** Makes the rows that judge a canonical HTTP/1.1 request. Throws {@link TooLarge}. */
export function requestGraph(plan: Plan, automata: FieldAutomata): Graph {
  const classes = requestClasses(plan, automata);
  const graph = new Graph(classes, MOST_CELLS);
  new RequestRows(graph, plan, automata).build();
  graph.minimise();
  return graph;
}

function requestClasses(plan: Plan, automata: FieldAutomata): ByteClasses {
  const within = (sets: readonly ByteSet[], bounds: ByteSet): ByteSet[] =>
    sets.map((set) => set.map((member, byte) => member & bounds[byte]!));
  const folded = [...plan.headers.keys(), ...REFUSED_HEADERS, "host", "content-length", "connection"];
  return classesOf([
    ...[UPPER, HOST, HEX, TARGET, TOKEN, PRINTABLE, DIGIT],
    ...setsOf("\r\n :/?%.;HTTP/1.1", false),
    ...SPECIAL_METHODS.flatMap((method) => setsOf(method, false)),
    ...folded.flatMap((name) => setsOf(name, true)),
    ...[...plan.headers.values()].flatMap(({ values }) =>
      [...values.keys()].flatMap((v) => setsOf(v, false)),
    ),
    ...within(automata.methods.sets, UPPER),
    ...within(automata.paths.sets, TARGET),
    ...within(automata.hosts.sets, HOST),
  ]);
}

class RequestRows {
  private readonly classes: ByteClasses;
  private readonly paths: Subsets;
  private readonly headers: HeaderRows;
  private readonly version: number;
  /** Place in the target behind each class, by place. */
  private readonly places: readonly Int32Array[];
  private readonly targetRows = new Map<number, number>();
  private readonly waiting: { row: number; place: number; expect: number; state: number }[] = [];
  private readonly endRows = new Map<string, number>();

  constructor(
    private readonly graph: Graph,
    private readonly plan: Plan,
    private readonly automata: FieldAutomata,
  ) {
    this.classes = graph.classes;
    this.paths = new Subsets(automata.paths, this.classes);
    this.headers = new HeaderRows(graph, HOST_SEEN);
    this.version = chain(graph, "TTP/1.1\r\n", this.headers.line);
    this.places = Array.from({ length: Target.places }, (_, place) =>
      Int32Array.from(this.classes.sample, (byte) => placeBehind(place, byte)),
    );
  }

  build(): void {
    this.headers.names(this.headerNames());
    this.graph.start = this.methodRows();
    for (let next = this.waiting.pop(); next; next = this.waiting.pop())
      this.fillTarget(next.row, next.place, next.expect, next.state);
  }

  /** Rows of the method: its length, whether it begins a special one, and what patterns make of it. */
  private methodRows(): number {
    const { graph, automata, classes } = this;
    const methods = new Subsets(automata.methods, classes);
    const anyMethod = this.canStart([]);
    const known = new Map<string, number>();
    const rowOf = (length: number, special: string, state: number): number => {
      const key = `${length} ${special} ${state}`;
      const made = known.get(key);
      if (made !== undefined) return made;
      const row = graph.add();
      known.set(key, row);
      for (let c = 0; c < classes.count && length < MOST_METHOD; c++) {
        const byte = classes.sample[c]!;
        if (UPPER[byte] !== 1) continue;
        const behind = state === DEAD ? DEAD : methods.step(state, c);
        const word = length === 0 || special !== "" ? special + String.fromCharCode(byte) : "";
        const begins = SPECIAL_METHODS.some((method) => method.startsWith(word)) ? word : "";
        graph.set(row, c, anyMethod || behind !== DEAD ? rowOf(length + 1, begins, behind) : REFUSED);
      }
      if (length > 0 && special !== "CONNECT" && special !== "PRI") {
        const start = automata.startOf(methods.accepts(state));
        const possible = this.canStart(methods.accepts(state));
        const expect = special === "HEAD" ? 1 : 0;
        graph.on(row, SP, possible ? this.targetRow(Target.first, expect, this.paths.start(start)) : REFUSED);
      }
      return row;
    };
    return rowOf(0, "", methods.start(automata.methodStarts));
  }

  /** True when every set has a rule for a method that these patterns match. */
  private canStart(methods: ArrayLike<number>): boolean {
    const matched = new Set(Array.from(methods));
    return this.plan.sets.every((_, set) =>
      this.plan.pairs.some((pair) => pair.set === set && (pair.method < 0 || matched.has(pair.method))),
    );
  }

  private targetRow(place: number, expect: number, state: number): number {
    const key = place + Target.places * (expect + 2 * state);
    let row = this.targetRows.get(key);
    if (row === undefined) {
      row = this.graph.add();
      this.targetRows.set(key, row);
      this.waiting.push({ row, place, expect, state });
    }
    return row;
  }

  private fillTarget(row: number, place: number, expect: number, state: number): void {
    const { graph, paths } = this;
    const { count } = this.classes;
    const places = this.places[place]!;
    if (paths.work > MOST_WORK) throw new TooLarge("too-many-states");
    paths.expand(state);
    for (let c = 0; c < count; c++) {
      const behind = places[c]!;
      if (behind < 0) continue;
      const next = paths.next[state * count + c]!;
      graph.set(row, c, next === DEAD ? REFUSED : this.targetRow(behind, expect, next));
    }
    if (place === Target.slash || place === Target.path || place === Target.query)
      graph.on(row, SP, this.targetEnd(paths.accepts(state), expect));
  }

  /** The row of the space behind the target: the requirements of the rules whose method and path match. */
  private targetEnd(pairs: Int32Array, expect: number): number {
    const key = `${expect} ${pairs.join()}`;
    let row = this.endRows.get(key);
    if (row === undefined) {
      const needed = requirementsOf(this.plan, pairs);
      row = REFUSED;
      if (needed) {
        row = this.graph.add(act(ActionKind.target, 0n, expect, this.graph.list(needed)));
        this.graph.on(row, 0x48, this.version);
      }
      this.endRows.set(key, row);
    }
    return row;
  }

  private headerNames(): Map<string, ValueRows> {
    const { plan, headers } = this;
    const names = new Map<string, ValueRows>();
    for (const [name, { present, values }] of plan.headers) {
      if (![...Buffer.from(name)].every((byte) => TOKEN[byte] === 1) || name === "") continue;
      const possible = [...values].filter(([value]) => isPlainValue(value));
      names.set(name, () =>
        headers.values(
          present < 0 ? 0n : bit(present),
          new Map(possible.map(([value, at]) => [value, bit(at) | (present < 0 ? 0n : bit(present))])),
        ),
      );
    }
    for (const name of REFUSED_HEADERS) names.set(name, undefined);
    // What a rule asks of these two, only TypeScript answers.
    const own = (name: string, rows: () => number): ValueRows => (plan.headers.has(name) ? undefined : rows);
    names.set(
      "content-length",
      own("content-length", () => headers.contentLength(headers.field(LENGTH))),
    );
    names.set(
      "connection",
      own("connection", () => headers.word("keep-alive", headers.lineFeed)),
    );
    names.set("host", () => this.hostRows());
    return names;
  }

  /** The value of Host: a name that the host patterns read, then perhaps a port. */
  private hostRows(): number {
    const { graph, automata, classes, headers } = this;
    const hosts = new Subsets(automata.hosts, classes);
    const bitsOf = (state: number): bigint =>
      hosts.accepts(state).reduce((bits, condition) => bits | bit(condition), HOST_SEEN);
    const portRows = new Map<bigint, number>();
    const port = (bits: bigint): number => {
      let first = portRows.get(bits);
      if (first !== undefined) return first;
      first = graph.add();
      portRows.set(bits, first);
      let row = first;
      for (let digits = 0; digits < MOST_PORT_DIGITS; digits++) {
        const next = graph.add();
        graph.onAll(row, (byte) => DIGIT[byte] === 1, next);
        graph.on(next, CR, headers.field(bits));
        row = next;
      }
      return first;
    };
    const known = new Map<number, number>();
    const waiting: { row: number; state: number }[] = [];
    const rowOf = (state: number): number => {
      let row = known.get(state);
      if (row === undefined) {
        row = graph.add();
        known.set(state, row);
        waiting.push({ row, state });
        graph.on(row, CR, headers.field(bitsOf(state)));
        graph.on(row, COLON, port(bitsOf(state)));
      }
      return row;
    };
    const fill = (row: number, state: number): void => {
      if (hosts.work > MOST_WORK) throw new TooLarge("too-many-states");
      for (let c = 0; c < classes.count; c++)
        if (HOST[classes.sample[c]!] === 1)
          graph.set(row, c, rowOf(state === DEAD ? DEAD : hosts.step(state, c)));
    };
    const first = graph.add();
    fill(first, hosts.start(automata.hostStarts));
    for (let next = waiting.pop(); next; next = waiting.pop()) fill(next.row, next.state);
    return first;
  }
}

/** True for a value that a canonical header line can hold and that the codec does not trim. */
function isPlainValue(value: string): boolean {
  return value.length <= MOST_VALUE && /^[\x20-\x7e]*$/.test(value) && value.trim() === value;
}
