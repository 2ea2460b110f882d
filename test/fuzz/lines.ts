// SPDX-License-Identifier: Apache-2.0
import { DEFAULT_LIMITS } from "../../core/limits.js";
import { Outcome, outcomeName } from "../../core/outcome.js";
import { answerTable } from "../../l7policy/compile/memcached-answers.js";
import { memcached } from "../../protocols/memcached/index.js";
import { Expected } from "../../protocols/protocol.js";
import { Random } from "../support/random.js";
import {
  emptyVerdict,
  type FuzzProgram,
  ItemFlag,
  MOST_MESSAGE,
  SKIPPED,
  type KernelVerdict,
} from "./program.js";
import { wordOf } from "./codec.js";
import { MOST_REPORTED } from "./requests.js";

const BATCH = 1000;
const LINES = [
  "STORED",
  "NOT_STORED",
  "EXISTS",
  "NOT_FOUND",
  "DELETED",
  "TOUCHED",
  "OK",
  "17",
  "18446744073709551615",
  "ERROR",
  "SERVER_ERROR out of memory",
  "CLIENT_ERROR bad data chunk",
  "END",
];
const OTHERS = [
  "VERSION 1.6.18",
  "MN",
  "EN",
  "HD",
  "VA 1",
  "STAT a b",
  "stored",
  "",
  "1234567890123456789012",
];
const BYTES = [" ", "\r", "\n", "\r\n", "\0", "\x80", "9", "-", "a", "END\r\n", "VALUE "];

/** Compares how the kernel frames memcached's answers with the codec, in one piece or in several. */
export class LineFuzz {
  readonly counts = {
    answers: 0,
    pieces: 0,
    moved: 0,
    completed: 0,
    withinValues: 0,
    completedLookups: 0,
    unsure: 0,
    overrun: 0,
    disagreements: 0,
  };
  /** The first disagreements, in words. */
  readonly disagreements: string[] = [];
  private readonly random: Random;
  private readonly slot: number;

  constructor(
    private readonly program: FuzzProgram,
    readonly seed: number,
  ) {
    this.random = new Random(seed);
    this.slot = program.setTable(answerTable());
  }

  /** Frames at least so many answers. */
  run(answers: number): void {
    this.program.setTable(answerTable());
    for (const until = this.counts.answers + answers; this.counts.answers < until;) this.batch();
  }

  private batch(): void {
    const { program, random, counts } = this;
    program.clear();
    const sent: { pieces: Buffer[]; lookup: boolean; first: number }[] = [];
    while (sent.length < BATCH) {
      const lookup = random.once(2);
      const pieces = this.split(Buffer.from(this.answer(lookup).slice(0, MOST_MESSAGE), "latin1"));
      if (!program.hasRoom(pieces.length)) break;
      const numbers = pieces.map((piece, at) => {
        const flags = (lookup ? ItemFlag.head : 0) | (at > 0 ? ItemFlag.continues : 0);
        return program.add(
          piece,
          this.slot,
          flags,
          random.once(4) ? 1 + random.below(piece.length) : piece.length,
        );
      });
      sent.push({ pieces, lookup, first: numbers[0] ?? 0 });
      counts.pieces += pieces.length;
    }
    program.run("fuzz_answer");
    const verdict = emptyVerdict();
    for (const { pieces, lookup, first } of sent) this.compare(pieces, lookup, first, verdict);
    counts.answers += sent.length;
  }

  /** As far as the kernel moves the pieces, the codec reads one answer and stands where the kernel does. */
  private compare(pieces: readonly Buffer[], lookup: boolean, first: number, kernel: KernelVerdict): void {
    const { program, counts } = this;
    const seen = { heads: 0, ends: 0, fault: "", final: true };
    const decoder = memcached.responses(DEFAULT_LIMITS, () => (lookup ? Expected.marked : Expected.ordinary));
    for (let i = 0; i < pieces.length; i++) {
      program.read(first + i, kernel);
      const shown = pieces.slice(0, i + 1);
      const { outcome } = kernel;
      if (outcome !== Outcome.allowed) {
        if (outcome === Outcome["slow:response-framing"]) counts.unsure++;
        else if (outcome === Outcome["slow:body-overrun"]) counts.overrun++;
        else if (outcome !== SKIPPED) this.say("an outcome that answers do not have", shown, kernel);
        return;
      }
      counts.moved++;
      decoder.push(pieces[i]!, {
        head: ({ final }) => {
          seen.heads++;
          seen.final = final;
        },
        body: () => undefined,
        end: () => seen.ends++,
        fault: ({ reason }) => (seen.fault = reason),
      });
      const word = wordOf(decoder.framing());
      const wrong =
        seen.fault !== "" || !seen.final || seen.heads !== 1 || seen.ends !== (kernel.edge ? 1 : 0);
      if (wrong || word !== kernel.rest)
        this.say(`the codec: ${JSON.stringify(seen)}, ${word.toString(16)}`, shown, kernel);
      if (kernel.rest > 0n) counts.withinValues++;
      if (kernel.edge) counts.completed++;
      if (kernel.edge && lookup) counts.completedLookups++;
    }
  }

  private answer(lookup: boolean): string {
    const { random } = this;
    let text = random.once(12)
      ? `${random.of(LINES)}\r\n`
      : lookup
        ? this.values()
        : `${random.of(random.once(9) ? OTHERS : LINES)}\r\n`;
    if (random.once(5)) {
      const at = random.below(text.length + 1);
      text = text.slice(0, at) + random.of(BYTES) + text.slice(at + random.below(2));
    }
    if (random.once(15)) text += random.of(["STORED\r\n", "END\r\n", "x", "VALUE a 0 1\r\nx\r\nEND\r\n"]);
    return text;
  }

  private values(): string {
    const { random } = this;
    let text = "";
    for (let left = random.once(30) ? 25 : random.below(random.of([2, 5, 17])); left > 0; left--) {
      const value = random.of([
        "",
        "x",
        "END\r\n",
        "VALUE a 0 5\r\nEND\r\n",
        "\r\n",
        "v".repeat(random.below(900)),
      ]);
      let length = random.once(40) ? value.length + 1 : value.length;
      if (random.once(60)) length += 10 ** random.below(14);
      const key = random.once(40)
        ? "k".repeat(random.below(400))
        : random.of(["a", "user.1", "\x80", "k".repeat(200)]);
      text += `VALUE ${key} ${random.below(2 ** 32)} ${length}${random.once(4) ? ` ${random.below(2 ** 40)}` : ""}\r\n${value}\r\n`;
    }
    return `${text}END\r\n`;
  }

  /** Pieces of a message; now and then cut within a value, as large ones are sent. */
  private split(message: Buffer): Buffer[] {
    const { random } = this;
    if (message.length === 0) return [Buffer.from("\r\n")];
    const pieces: Buffer[] = [];
    let at = 0;
    while (at < message.length && pieces.length < 3) {
      const end = random.once(2) ? message.length : at + 1 + random.below(message.length - at);
      pieces.push(message.subarray(at, end));
      at = end;
    }
    if (at < message.length) pieces.push(message.subarray(at));
    return pieces;
  }

  private say(what: string, pieces: readonly Buffer[], kernel: KernelVerdict): void {
    this.counts.disagreements++;
    if (this.disagreements.length >= MOST_REPORTED) return;
    const { outcome, rest, edge, expect } = kernel;
    this.disagreements.push(
      `${what}; the kernel: ${outcomeName(outcome)} ${rest.toString(16)} ${edge} ${expect}; ${JSON.stringify(pieces.map((piece) => piece.toString("latin1")))}`,
    );
  }
}
