// SPDX-License-Identifier: Apache-2.0
import { ActionKind, TableBit } from "../../core/table.js";
import { setOf } from "../automaton/bytes.js";
import { emit } from "./emit.js";
import { Graph, NO_LIST } from "./graph.js";
import { act, bit, chain, CR, HeaderRows, LENGTH, PRINTABLE, SP, type ValueRows } from "./head.js";
import { reduce } from "./reduce.js";

const CHUNKED = bit(TableBit.chunked);
const BODILESS = bit(TableBit.bodiless);
const MOST_ROWS = 10_000;
const VALUE = setOf((byte) => byte === 0x09 || PRINTABLE[byte] === 1);
const FINAL = ["2", "3", "4", "5"];

let made: Uint8Array | undefined;

/** The table that frames canonical HTTP/1.1 responses; always the same. Shared, do not change it. */
export function responseTable(): Uint8Array {
  made ??= emit(reduce(responseGraph()), 0);
  return made;
}

function responseGraph(): Graph {
  const graph = new Graph(MOST_ROWS);
  const lines = new HeaderRows(graph, 0n, VALUE);
  lines.names(
    new Map<string, ValueRows>([
      // An answer that ends its connection must be seen by the sidecar: nothing of its own may follow it.
      ["connection", () => lines.word("keep-alive", lines.field(0n))],
      ["content-length", () => lines.contentLength(lines.field(LENGTH))],
      ["transfer-encoding", () => lines.word("chunked", lines.field(CHUNKED))],
    ]),
  );

  const reason = graph.add();
  graph.onAll(reason, PRINTABLE, reason);
  graph.on(reason, CR, lines.lineFeed);
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
