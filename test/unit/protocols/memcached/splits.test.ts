// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { DEFAULT_LIMITS } from "../../../../core/limits.js";
import { memcached } from "../../../../protocols/memcached/index.js";
import { binaryNoop } from "../../../../protocols/memcached/frames.js";
import { frame, latin, Pair } from "../../../support/memcached.js";

const DENIED = "CLIENT_ERROR access denied\r\n";
const denySecret = (_: readonly string[], keys: readonly string[]) => !keys.includes("secret");

/** Values that look like what ends a value. */
const VALUES = [
  "",
  "END",
  "END\r\n",
  "\r\n",
  "\r",
  "VALUE a 0 3\r\nabc\r\nEND\r\n",
  "MN\r\n",
  "ERROR\r\n",
  "x\nget b\r\n",
];

/** One command and its true answer; `denied` ones must not reach the service. */
interface Turn {
  request: Buffer;
  forwarded: Buffer;
  fromService: Buffer;
  toClient: Buffer;
}

function turn(
  request: string,
  answer: string,
  more: Partial<Record<"forwarded" | "toClient", string>> = {},
): Turn {
  return {
    request: latin(request),
    forwarded: latin(more.forwarded ?? request),
    fromService: latin(answer),
    toClient: latin(more.toClient ?? answer),
  };
}

const value = fc.oneof(
  fc.constantFrom(...VALUES),
  fc.string({ maxLength: 40, unit: "binary" }).map((text) => Buffer.from(text).toString("latin1")),
);
const item = value.map((text) => `VALUE a 0 ${text.length}\r\n${text}\r\n`);
const textTurn: fc.Arbitrary<Turn> = fc.oneof(
  value.map((text) => turn(`set a 0 0 ${text.length}\r\n${text}\r\n`, "STORED\r\n")),
  value.map((text) => turn(`set a 0 0 ${text.length} noreply\r\n${text}\r\n`, "")),
  value.map((text) =>
    turn(`set secret 0 0 ${text.length}\r\n${text}\r\n`, "", { forwarded: "", toClient: DENIED }),
  ),
  value.map((text) => turn(`set secret 0 0 ${text.length} noreply\r\n${text}\r\n`, "", { forwarded: "" })),
  fc.array(item, { maxLength: 3 }).map((items) => turn("gets a a a\n", `${items.join("")}END\r\n`)),
  value.map((text) =>
    turn("mg a v q\r\n", `VA ${text.length}\r\n${text}\r\nMN\r\n`, {
      forwarded: "mg a v q\r\nmn\r\n",
      toClient: `VA ${text.length}\r\n${text}\r\n`,
    }),
  ),
  value.map((text) =>
    turn(`ms a ${text.length} q\r\n${text}\r\n`, "MN\r\n", {
      forwarded: `ms a ${text.length} q\r\n${text}\r\nmn\r\n`,
      toClient: "",
    }),
  ),
  value.map((text) => turn("mg a v k\r\n", `VA ${text.length} ka\r\n${text}\r\n`)),
  fc.constantFrom(
    turn("get a secret b\r\n", "", { forwarded: "", toClient: DENIED }),
    turn("mg c2VjcmV0 b v\r\n", "", { forwarded: "", toClient: DENIED }),
    turn("foo\r\n", "", { forwarded: "", toClient: "ERROR\r\n" }),
    turn("stats\r\n", "STAT a END\r\nSTAT b 1\r\nEND\r\n"),
    turn("stats reset\r\n", "RESET\r\n"),
    turn("incr a 1\r\n", "17\r\n"),
    turn("mn\r\n", "MN\r\n"),
    turn("get a\r\n", "SERVER_ERROR out of memory writing get response\r\n"),
  ),
);

const OPAQUE = { opaque: 7 };
const answered = (bytes: Buffer): Buffer => {
  const answer = Buffer.from(bytes);
  answer[0] = 0x81;
  return answer;
};
function binaryTurn(request: Buffer, answers: Buffer[]): Turn {
  const stream = Buffer.concat(answers.map(answered));
  return { request, forwarded: request, fromService: stream, toClient: stream };
}
const binary: fc.Arbitrary<Turn> = fc.oneof(
  value.map((text) =>
    binaryTurn(frame(0x00, "a", OPAQUE), [frame(0x00, "", { extras: 4, value: text, ...OPAQUE })]),
  ),
  value.map((text) =>
    binaryTurn(frame(0x01, "a", { extras: 8, value: text, ...OPAQUE }), [frame(0x01, "", OPAQUE)]),
  ),
  value.map((text) => binaryTurn(frame(0x11, "a", { extras: 8, value: text }), [])),
  value.map((text) => binaryTurn(frame(0x0d, "a"), [frame(0x0d, "a", { extras: 4, value: text })])),
  value.map((text) => binaryTurn(frame(0x10, ""), [frame(0x10, "k", { value: text }), frame(0x10, "")])),
);

/** Cuts a stream at the given places. */
function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

function play(turns: readonly Turn[], cuts: readonly number[]) {
  const pair = new Pair(denySecret);
  const feed = (bytes: Buffer, push: (piece: Buffer) => void) => {
    for (const piece of pieces(bytes, cuts)) {
      // The chunk's memory is the caller's again: what decoders keep they must have copied.
      const lent = Buffer.from(piece);
      push(lent);
      lent.fill(0x21);
    }
  };
  feed(Buffer.concat(turns.map(({ request }) => request)), (piece) => pair.fromClient(piece));
  feed(Buffer.concat(turns.map(({ fromService }) => fromService)), (piece) => pair.fromService(piece));
  expect(pair.fault).toBe("");
  expect(pair.takeToService().toString("latin1")).toBe(
    Buffer.concat(turns.map(({ forwarded }) => forwarded)).toString("latin1"),
  );
  expect(pair.takeToClient().toString("latin1")).toBe(
    Buffer.concat(turns.map(({ toClient }) => toClient)).toString("latin1"),
  );
}

describe("answers keep their requests whatever values hold", () => {
  const cuts = fc.array(fc.nat(4000), { maxLength: 12 });

  test("text and meta, cut anywhere", () => {
    fc.assert(fc.property(fc.array(textTurn, { minLength: 1, maxLength: 12 }), cuts, play), {
      numRuns: 3000,
    });
  });

  test("binary, cut anywhere", () => {
    fc.assert(fc.property(fc.array(binary, { minLength: 1, maxLength: 12 }), cuts, play), { numRuns: 1500 });
  });

  test("one script at every single cut, and byte by byte", () => {
    const [turns] = fc.sample(fc.array(textTurn, { minLength: 12, maxLength: 12 }), { numRuns: 1, seed: 6 });
    const length = Buffer.concat(turns!.map(({ request }) => request)).length;
    for (let cut = 0; cut <= length; cut++) play(turns!, [cut]);
    play(
      turns!,
      Array.from({ length: 2000 }, (_, i) => i),
    );
  });
});

/** Items as memcached writes them, and such as it never would: only their first and last parts look right. */
const nearly = fc
  .record({
    word: fc.constantFrom(...Array<string>(6).fill("VALUE"), "VALUES", "VALU", "value", "VA", "END", "ERROR"),
    key: fc.constantFrom("a", "a", "k".repeat(250), "k".repeat(251), "", "a\rb", "\x80\xff", "a\tb", "\0"),
    flags: fc.constantFrom("0", "4294967295", "4294967296000", "", "x", "-1"),
    text: value,
    extra: fc.constantFrom(...Array<number>(8).fill(0), -1, 1, 5_000_000_000, NaN),
    padded: fc.constantFrom(0, 0, 10, 11),
    unique: fc.constantFrom(
      "",
      "",
      " 1",
      " 18446744073709551615",
      " ",
      " x",
      " 1 2",
      `${" 1".padEnd(30, "0")}`,
    ),
    line: fc.constantFrom(...Array<string>(8).fill("\r\n"), "\n", "\r\r\n", "\n\r\n"),
    data: fc.constantFrom(...Array<string>(8).fill("\r\n"), "\n\n", "\r\r", "", "\r\n "),
  })
  .map(({ word, key, flags, text, extra, padded, unique, line, data }) => {
    const length = Number.isNaN(extra) ? "x" : String(text.length + extra).padStart(padded, "0");
    return `${word} ${key} ${flags} ${length}${unique}${line}${text}${data}`;
  });

test("a lookup's answer that comes in one piece is framed as the same one byte by byte", () => {
  const seen = { good: 0, bad: 0 };
  const answer = fc.tuple(
    fc.array(
      fc.oneof(
        { weight: 3, arbitrary: item },
        fc.constant("VALUE b 4294967295 2 18446744073709551615\r\nok\r\n"),
        nearly,
      ),
      { maxLength: 4 },
    ),
    fc.constantFrom(
      "END\r\n",
      "END\r\n",
      "END\r\n",
      "END\n",
      "END x\r\n",
      "ENDE\r\n",
      "SERVER_ERROR x\r\n",
      "",
    ),
  );
  fc.assert(
    fc.property(answer, fc.array(fc.nat(4000), { maxLength: 3 }), ([items, end], cuts) => {
      const bytes = latin(items.join("") + end);
      const results = [[], cuts, Array.from({ length: bytes.length }, (_, at) => at)].map((at) => {
        const pair = new Pair();
        pair.fromClient(latin("gets a b\r\nget a\r\n"));
        for (const piece of pieces(bytes, at)) pair.fromService(Buffer.from(piece));
        // What has passed before a fault depends on what came with it.
        return [pair.fault, pair.fault || pair.takeToClient().toString("latin1")];
      });
      expect(results[0]).toEqual(results[2]);
      expect(results[1]).toEqual(results[2]);
      seen[results[0]![0] ? "bad" : "good"]++;
    }),
    { numRuns: 3000 },
  );
  expect(Math.min(seen.good, seen.bad)).toBeGreaterThan(500);
});

test("framing: between commands, in values, and nowhere else", () => {
  const decoder = memcached.requests(DEFAULT_LIMITS);
  const sink = { head: () => {}, body: () => {}, end: () => {}, fault: () => {} };
  const after = (text: string) => (decoder.push(latin(text), sink), decoder.framing());
  expect(after("")).toEqual({ at: "between" });
  expect(after("set a 0 0 10\r\n123")).toEqual({ at: "body", remaining: 9 });
  decoder.resume({ at: "between" });
  expect(after("get")).toEqual({ at: "other" });
  expect(after(" a\r\n")).toEqual({ at: "between" });
  expect(after("ms a 10 q\r\n123")).toEqual({ at: "other" });
});

/** Numbers that repeat for a seed. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const WORDS = [
  "get ",
  "set ",
  "a",
  "secret",
  " 0",
  " 5",
  " -1",
  "\r\n",
  "\n",
  "\r",
  " noreply",
  "mg ",
  "ms ",
  " b",
  " q",
  " v",
  "VALUE ",
  "END",
  "VA ",
  "STAT ",
  "hello",
  "\0",
  "\t",
  "mn\r\n",
  "\x80",
  "\x81",
  "k".repeat(251),
  " ",
  "delete ",
  "gat 5 ",
  "99999999999",
  Buffer.from(binaryNoop(1)).toString("latin1"),
  frame(0x01, "k", { extras: 8, value: "v" }).toString("latin1"),
  frame(0x10, "").toString("latin1"),
  frame(0x77, "k").toString("latin1"),
  "STORED\r\n",
  "MN\r\n",
];

test("any bytes, in any pieces: no exception, the same result as in one piece", () => {
  const runs = process.env["SOAK"] ? 10_000_000 : 100_000;
  const seed = Number(process.env["SEED"] ?? 20_261);
  const random = generator(seed);
  for (let run = 0; run < runs; run++) {
    const make = () => {
      let text = "";
      for (let parts = random(10); parts >= 0; parts--)
        text += random(8) === 0 ? String.fromCharCode(random(256)) : WORDS[random(WORDS.length)];
      return latin(text);
    };
    const [request, answer] = [make(), make()];
    const whole = new Pair(denySecret);
    const cut = new Pair(denySecret);
    for (const [pair, size] of [
      [whole, 1 << 20],
      [cut, 1 + random(60)],
    ] as const) {
      for (let at = 0; at < request.length; at += size) pair.fromClient(request.subarray(at, at + size));
      for (let at = 0; at < answer.length; at += size) pair.fromService(answer.subarray(at, at + size));
    }
    const results = [whole, cut].map((pair) =>
      [
        pair.fault,
        pair.closed,
        pair.refused,
        pair.takeToService().toString("latin1"),
        pair.fault ? "" : pair.takeToClient().toString("latin1"),
      ].join("|"),
    );
    if (results[0] !== results[1])
      throw new Error(
        `seed ${seed}, run ${run}: ${JSON.stringify(request.toString("latin1"))} and ${JSON.stringify(answer.toString("latin1"))} differ when cut: ${JSON.stringify(results)}`,
      );
  }
});
