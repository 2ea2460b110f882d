// SPDX-License-Identifier: Apache-2.0
import { ActionKind, TableBit } from "../../core/table.js";
import { setOf } from "../automaton/bytes.js";
import { emit } from "./emit.js";
import { Graph, NO_LIST } from "./graph.js";
import { act, bit, chain, CR, HeaderRows, LENGTH, LF, PRINTABLE, SP, type ValueRows } from "./head.js";
import { reduce } from "./reduce.js";

const CHUNKED = bit(TableBit.chunked);
const BODILESS = bit(TableBit.bodiless);
const MOST_ROWS = 10_000;
const VALUE = setOf((byte) => byte === 0x09 || PRINTABLE[byte] === 1);
const FINAL = ["2", "3", "4", "5"];
const LENGTH_NAME = "content-length";
const ENCODING_NAME = "transfer-encoding";
const CONNECTION_NAME = "connection";

let made: Uint8Array | undefined;

/** The table that frames canonical HTTP/1.1 responses; always the same. Shared, do not change it. */
export function responseTable(): Uint8Array {
  made ??= emit(reduce(responseGraph()), 0);
  return made;
}

/** Header lines by what they have said of the body so far: nothing, its length, that it is chunked. */
function responseGraph(): Graph {
  const graph = new Graph(MOST_ROWS);
  const [plain, measured, chunked] = [0, 1, 2].map(() => new HeaderRows(graph, 0n, VALUE));
  if (!plain || !measured || !chunked) throw new Error("three");
  // Both, or one of them twice, leave a reader in doubt.
  // An answer that ends its connection must be seen by the sidecar: nothing of its own may follow it.
  const connection = (rows: HeaderRows) => (): number => rows.word("keep-alive", rows.lineFeed);
  for (const rows of [measured, chunked])
    rows.names(
      new Map<string, ValueRows>([
        [LENGTH_NAME, undefined],
        [ENCODING_NAME, undefined],
        [CONNECTION_NAME, connection(rows)],
      ]),
    );
  const behind = (bits: bigint, line: number): number => {
    const row = graph.add(act(ActionKind.field, bits));
    graph.on(row, LF, line);
    return row;
  };
  plain.names(
    new Map<string, ValueRows>([
      [CONNECTION_NAME, connection(plain)],
      [LENGTH_NAME, () => plain.contentLength(behind(LENGTH, measured.line))],
      [ENCODING_NAME, () => plain.word("chunked", behind(CHUNKED, chunked.line))],
    ]),
  );
  graph.line = plain.line;

  const reason = graph.add();
  graph.onAll(reason, PRINTABLE, reason);
  graph.on(reason, CR, plain.lineFeed);
  const space = graph.add();
  graph.on(space, SP, reason);
  const bodiless = graph.add(act(ActionKind.field, BODILESS));
  graph.on(bodiless, SP, reason);
  const status = graph.add();
  for (const first of FINAL) {
    const row = graph.add(act(ActionKind.target, 0n, Number(first), NO_LIST));
    graph.on(status, first.charCodeAt(0), row);
    for (let second = 0; second <= 9; second++) {
      const after = graph.add();
      graph.on(row, 0x30 + second, after);
      for (let third = 0; third <= 9; third++) {
        const code = `${first}${second}${third}`;
        graph.on(after, 0x30 + third, code === "204" || code === "304" ? bodiless : space);
      }
    }
  }
  graph.start = chain(graph, "HTTP/1.1 ", status);
  return graph;
}
