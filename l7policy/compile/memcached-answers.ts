// SPDX-License-Identifier: Apache-2.0
import { ActionKind, AnswerLine, CommandBound } from "../../core/table.js";
import { setOf } from "../automaton/bytes.js";
import { emit } from "./emit.js";
import { Graph, NO_LIST } from "./graph.js";
import { act, CR, DIGIT, LF, PRINTABLE, SP } from "./head.js";
import { reduce } from "./reduce.js";

const KEY = setOf((byte) => byte > 0x20 && byte < 0x7f);
const MOST_ROWS = 1000;
const WORDS: readonly (readonly [string, number])[] = [
  ["STORED", AnswerLine.done],
  ["DELETED", AnswerLine.done],
  ["TOUCHED", AnswerLine.done],
  ["OK", AnswerLine.done],
  ["NOT_STORED", AnswerLine.not],
  ["NOT_FOUND", AnswerLine.not],
  ["EXISTS", AnswerLine.not],
  ["ERROR", AnswerLine.error],
  ["END", AnswerLine.end],
];
/** Most digits of a number that incr and decr answer with. */
const NUMBER_DIGITS = 20;

let made: Uint8Array | undefined;

/** The table of one canonical line of an answer; always the same. Shared, do not change it. */
export function answerTable(): Uint8Array {
  made ??= emit(reduce(lines()), 0);
  return made;
}

function lines(): Graph {
  const graph = new Graph(MOST_ROWS);
  const done = graph.add(act(ActionKind.end));
  const ends = new Map<number, number>();
  /** The row of the CR behind a line of a kind. */
  const cr = (kind: number): number => {
    let row = ends.get(kind);
    if (row === undefined) {
      row = graph.add(act(ActionKind.target, 0n, kind, NO_LIST));
      graph.on(row, LF, done);
      ends.set(kind, row);
    }
    return row;
  };
  const digits = (
    most: number,
    leave: (row: number) => void,
    from = graph.add(),
    action?: number,
  ): number => {
    let row = from;
    for (let digit = 0; digit < most; digit++) {
      const next = graph.add(action === undefined ? undefined : act(action));
      graph.onAll(row, DIGIT, next);
      leave(next);
      row = next;
    }
    return from;
  };
  const text = graph.add();
  graph.onAll(text, PRINTABLE, text);
  graph.on(text, CR, cr(AnswerLine.error));

  const unique = digits(NUMBER_DIGITS, (row) => graph.on(row, CR, cr(AnswerLine.value)));
  const length = digits(
    CommandBound["length-digits"],
    (row) => {
      graph.on(row, CR, cr(AnswerLine.value));
      graph.on(row, SP, unique);
    },
    graph.add(),
    ActionKind.digit,
  );
  const flags = digits(CommandBound["flags-digits"], (row) => graph.on(row, SP, length));
  const key = graph.add();
  graph.onAll(key, KEY, key);
  graph.on(key, SP, flags);
  const firstOfKey = graph.add();
  graph.onAll(firstOfKey, KEY, key);

  graph.start = graph.add();
  digits(NUMBER_DIGITS, (row) => graph.on(row, CR, cr(AnswerLine.done)), graph.start);
  const word = (name: string, behind: (row: number) => void): void => {
    let row = graph.start;
    for (const byte of Buffer.from(name)) {
      let next = graph.behind(row, byte);
      if (next <= 1) graph.on(row, byte, (next = graph.add()));
      row = next;
    }
    behind(row);
  };
  for (const [name, kind] of WORDS) word(name, (row) => graph.on(row, CR, cr(kind)));
  for (const name of ["CLIENT_ERROR", "SERVER_ERROR"]) word(name, (row) => graph.on(row, SP, text));
  word("VALUE", (row) => graph.on(row, SP, firstOfKey));
  return graph;
}
