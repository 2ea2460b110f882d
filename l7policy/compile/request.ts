// SPDX-License-Identifier: Apache-2.0
import { TableBit } from "../../core/table.js";
import { setOf } from "../automaton/bytes.js";
import { DEAD } from "../automaton/subsets.js";
import { Graph, REFUSED, TooLarge } from "./graph.js";
import { bit, chain, COLON, CR, DIGIT, HeaderRows, LENGTH, SP, TOKEN, type ValueRows } from "./head.js";
import type { Plan } from "./plan.js";
import { TargetRows } from "./target.js";

const HOST = setOf((byte) => /[A-Za-z0-9._-]/.test(String.fromCharCode(byte)));
const MOST_PORT_DIGITS = 5;
/** Longest header value of a rule that a table compares; longer ones are left to TypeScript. */
const MOST_VALUE = 1024;
/** Its answer has no body. */
const HEAD = "HEAD";
/** Begins CONNECT, which is no plain request, and no other method that is common. */
const CONNECT = "CON";
/** Headers that make a request anything but plain; and what others begin with, as short as no common header does. */
const REFUSED_HEADERS = ["te", "upgrade"];
const DOUBTFUL_HEADERS = ["transfer-", "http2-", "proxy-", "keep-", "trai", "expe"];
const HOST_SEEN = bit(TableBit.host);

/** Rows of a table under construction. */
const MOST_ROWS = 90_000;
/** Steps of the subset construction for hosts, in NFA states looked at. */
const MOST_WORK = 10_000_000;

/** Makes the rows that judge a canonical HTTP/1.1 request. Throws {@link TooLarge}. */
export function requestGraph(plan: Plan): Graph {
  const graph = new Graph(MOST_ROWS);
  const headers = new HeaderRows(graph, HOST_SEEN);
  headers.names(headerNames(graph, plan, headers), DOUBTFUL_HEADERS);
  const targets = new TargetRows(graph, plan, chain(graph, "TTP/1.1\r\n", headers.line));
  graph.start = methodRows(graph, plan, targets);
  return graph;
}

/** Rows of the method: whether it begins a special one, and what patterns make of it. */
function methodRows(graph: Graph, plan: Plan, targets: TargetRows): number {
  const { states } = plan.automata.methods.determined;
  const anyMethod = isPossible(plan, NONE);
  const known = new Map<string, number>();
  const branches = new Map<string, number>();
  const branch = (state: number, expect: number): number => {
    const matched = new Set(states.accepts(state));
    if (!isPossible(plan, matched)) return REFUSED;
    const key = `${expect} ${[...matched].join()}`;
    let row = branches.get(key);
    if (row === undefined) branches.set(key, (row = targets.behind(matched, expect)));
    return row;
  };
  const waiting: (() => void)[] = [];
  /** `word`: what it is so far, while that begins a special method; undefined once it does not. */
  const rowOf = (word: string | undefined, state: number): number => {
    const key = `${word} ${state}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const row = graph.add();
    known.set(key, row);
    waiting.push(() => {
      for (let byte = 0x41; byte <= 0x5a; byte++) {
        const behind = state === DEAD ? DEAD : states.step(state, byte);
        const longer = word === undefined ? undefined : word + String.fromCharCode(byte);
        if (longer === CONNECT) continue;
        const special = longer !== undefined && (HEAD.startsWith(longer) || CONNECT.startsWith(longer));
        const next = special ? longer : undefined;
        graph.on(row, byte, anyMethod || behind !== DEAD ? rowOf(next, behind) : REFUSED);
      }
      if (word !== "") graph.on(row, SP, branch(state, word === HEAD ? 1 : 0));
    });
    return row;
  };
  const start = rowOf("", states.start(plan.methodStart.states));
  for (let next = waiting.pop(); next; next = waiting.pop()) next();
  return start;
}

const NONE: ReadonlySet<number> = new Set();

/** True when every set has a rule for a method that these patterns match. */
function isPossible({ sets, terms }: Plan, methods: ReadonlySet<number>): boolean {
  const found = new Set<number>();
  for (const some of terms.values())
    for (const { method, set } of some) {
      if (method < 0 || methods.has(method)) found.add(set);
      if (found.size === sets.length) return true;
    }
  return false;
}

function headerNames(graph: Graph, plan: Plan, headers: HeaderRows): Map<string, ValueRows> {
  const names = new Map<string, ValueRows>();
  for (const [name, { present, values }] of plan.headers) {
    if (![...Buffer.from(name)].every((byte) => TOKEN[byte] === 1) || name === "") continue;
    const there = present < 0 ? 0n : bit(present);
    const possible = [...values].filter(([value]) => isPlainValue(value));
    names.set(name, () =>
      headers.values(there, new Map(possible.map(([value, at]) => [value, bit(at) | there]))),
    );
  }
  for (const name of names.keys())
    if (DOUBTFUL_HEADERS.some((start) => name.startsWith(start))) names.set(name, undefined);
  for (const name of REFUSED_HEADERS) names.set(name, undefined);
  // What a rule asks of these two, only TypeScript answers.
  const own = (name: string, rows: () => number): ValueRows => (plan.headers.has(name) ? undefined : rows);
  names.set(
    "content-length",
    own("content-length", () => headers.contentLength(headers.field(LENGTH))),
  );
  names.set(
    "connection",
    own("connection", () => headers.word("keep-alive", headers.field(0n))),
  );
  names.set("host", () => hostRows(graph, plan, headers));
  return names;
}

/** The value of Host: a name that the host patterns read, then perhaps a port. */
function hostRows(graph: Graph, plan: Plan, headers: HeaderRows): number {
  const { states } = plan.automata.hosts.determined;
  const most = states.work + MOST_WORK;
  const bitsOf = (state: number): bigint => {
    let bits = HOST_SEEN;
    for (const host of states.accepts(state)) bits |= bit(plan.hosts.get(host)!);
    return bits;
  };
  const ports = new Map<bigint, number>();
  const port = (bits: bigint): number => {
    let first = ports.get(bits);
    if (first !== undefined) return first;
    first = graph.add();
    ports.set(bits, first);
    let row = first;
    for (let digits = 0; digits < MOST_PORT_DIGITS; digits++) {
      const next = graph.add();
      graph.onAll(row, DIGIT, next);
      graph.on(next, CR, headers.field(bits));
      row = next;
    }
    return first;
  };
  const known = new Map<number, number>();
  const waiting: (() => void)[] = [];
  const rowOf = (state: number): number => {
    const before = known.get(state);
    if (before !== undefined) return before;
    const row = graph.add();
    known.set(state, row);
    waiting.push(() => fill(row, state));
    const bits = bitsOf(state);
    graph.on(row, CR, headers.field(bits));
    graph.on(row, COLON, port(bits));
    return row;
  };
  const fill = (row: number, state: number): void => {
    if (states.work > most) throw new TooLarge("too-many-states");
    for (let byte = 0; byte < 0x80; byte++)
      if (HOST[byte] === 1) graph.on(row, byte, rowOf(state === DEAD ? DEAD : states.step(state, byte)));
  };
  const first = graph.add();
  fill(first, states.start(plan.hostStart.states));
  for (let next = waiting.pop(); next; next = waiting.pop()) next();
  return first;
}

/** True for a value that a canonical header line can hold and that the codec does not trim. */
function isPlainValue(value: string): boolean {
  return value.length <= MOST_VALUE && /^[\x20-\x7e]*$/.test(value) && value.trim() === value;
}
