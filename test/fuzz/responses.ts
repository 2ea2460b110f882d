// SPDX-License-Identifier: Apache-2.0
import { DEFAULT_LIMITS } from "../../core/limits.js";
import { Outcome, outcomeName } from "../../core/outcome.js";
import { responseTable } from "../../l7policy/compile/response.js";
import { runHead } from "../../l7policy/compile/run.js";
import { ResponseDecoder } from "../../protocols/http1/decoder.js";
import { Expectation } from "../../protocols/http1/request.js";
import { Random } from "../support/random.js";
import { AnswerSource, type Answer } from "./answers.js";
import { wordOf } from "./codec.js";
import {
  emptyVerdict,
  type FuzzProgram,
  ItemFlag,
  MOST_MESSAGE,
  SKIPPED,
  type KernelVerdict,
} from "./program.js";
import { MOST_HEAD, MOST_REPORTED, OUTCOMES } from "./requests.js";

const BATCH = 2000;
const CHUNKED = 1n << 63n;

/** Compares how the kernel frames responses with the strict codec. */
export class ResponseFuzz {
  readonly counts = {
    responses: 0,
    pieces: 0,
    /** Pieces that the kernel moves. */
    moved: 0,
    /** Of them, those that complete a response. */
    completed: 0,
    /** Moved pieces behind which a chunked body goes on, and of those that complete one. */
    inChunks: 0,
    chunkedCompleted: 0,
    withoutBody: 0,
    unsure: 0,
    overrun: 0,
    /** Heads that the memory knew. */
    recalled: 0,
    disagreements: 0,
  };
  /** The first disagreements, in words. */
  readonly disagreements: string[] = [];
  private readonly random: Random;
  private readonly answers: AnswerSource;
  private readonly slot: number;

  constructor(
    private readonly program: FuzzProgram,
    readonly seed: number,
  ) {
    this.random = new Random(seed);
    this.answers = new AnswerSource(this.random);
    this.slot = program.setTable(responseTable());
  }

  /** Frames so many responses. */
  run(responses: number): void {
    for (let left = responses; left > 0; left -= BATCH) this.batch(Math.min(left, BATCH));
  }

  private batch(responses: number): void {
    const { program, random, counts } = this;
    program.clear();
    const sent: { answer: Answer; first: number }[] = [];
    const missed = program.misses;
    for (let i = 0; i < responses; i++) {
      // As a service that answers the same again.
      const before = sent.at(-1 - random.below(3))?.answer;
      const answer = before && random.once(3) ? before : this.answers.next(MOST_MESSAGE);
      if (!program.hasRoom(answer.pieces.length)) break;
      const numbers = answer.pieces.map((piece, at) => {
        const flags =
          ItemFlag.response |
          ItemFlag.remembers |
          (answer.toHead ? ItemFlag.head : 0) |
          (at > 0 ? ItemFlag.continues : 0);
        const first = random.once(4) ? 1 + random.below(piece.length) : piece.length;
        return program.add(piece, this.slot, flags, first);
      });
      sent.push({ answer, first: numbers[0] ?? 0 });
      counts.pieces += numbers.length;
    }
    const verdict = emptyVerdict();
    program.run("fuzz_judge");
    for (const { answer, first } of sent)
      answer.pieces.forEach((piece, i) => {
        program.read(first + i, verdict);
        this.compareHead(piece, verdict);
        if (verdict.outcome === Outcome.allowed) counts.recalled++;
      });
    counts.recalled -= program.misses - missed;
    program.run("fuzz_response");
    for (const { answer, first } of sent) this.compareFraming(answer, first, verdict);
    counts.responses += sent.length;
  }

  /** The table says of every piece, also of those that are no head, what its twin says. */
  private compareHead(piece: Buffer, kernel: KernelVerdict): void {
    const twin = runHead(responseTable(), piece, 0, piece.length);
    // Every head that is understood is allowed: responses need no rule.
    const wanted = twin.verdict === "end" ? Outcome.allowed : OUTCOMES[twin.verdict];
    if (kernel.outcome !== wanted) {
      if (kernel.outcome !== Outcome["slow:not-canonical"] || twin.end <= MOST_HEAD)
        this.say(`${outcomeName(kernel.outcome)}, but ${twin.verdict}`, [piece], kernel);
    } else if (
      wanted === Outcome.allowed &&
      (kernel.at !== twin.end ||
        kernel.length !== twin.length ||
        kernel.expect !== twin.expect ||
        kernel.got !== twin.got)
    )
      this.say("another reading than the twin's", [piece], kernel);
  }

  /** As far as the kernel moves the pieces, the codec reads one response and stands where the kernel does. */
  private compareFraming({ pieces, toHead }: Answer, first: number, kernel: KernelVerdict): void {
    const { program, counts } = this;
    const seen = { heads: 0, ends: 0, fault: "", class: 0, unfit: false };
    const decoder = new ResponseDecoder(DEFAULT_LIMITS, () =>
      toHead ? Expectation.head : Expectation.ordinary,
    );
    let chunked = false;
    for (let i = 0; i < pieces.length; i++) {
      program.read(first + i, kernel);
      const shown = pieces.slice(0, i + 1);
      if (kernel.outcome !== Outcome.allowed) {
        this.countSlow(kernel.outcome, shown, kernel);
        for (let rest = i + 1; rest < pieces.length; rest++) {
          program.read(first + rest, kernel);
          if (kernel.outcome !== SKIPPED) this.say("went on", pieces.slice(0, rest + 1), kernel);
        }
        return;
      }
      counts.moved++;
      decoder.push(pieces[i]!, {
        head: (response) => {
          seen.heads++;
          seen.class = Math.floor(response.status / 100);
          seen.unfit = response.last || response.tunnel || !response.final;
          if (response.bodyLength === 0) counts.withoutBody++;
        },
        body: () => undefined,
        end: () => seen.ends++,
        fault: ({ reason }) => (seen.fault = reason),
      });
      const word = wordOf(decoder.framing());
      const ended = kernel.edge ? 1 : 0;
      if (
        seen.fault !== "" ||
        seen.unfit ||
        seen.heads !== 1 ||
        seen.ends !== ended ||
        word !== kernel.rest ||
        seen.class !== kernel.expect
      )
        this.say(`the codec: ${JSON.stringify(seen)}, ${word.toString(16)}`, shown, kernel);
      if (kernel.rest & CHUNKED) {
        counts.inChunks++;
        chunked = true;
      }
      if (kernel.edge) {
        counts.completed++;
        if (chunked) counts.chunkedCompleted++;
      }
    }
  }

  private countSlow(outcome: number, shown: readonly Buffer[], kernel: KernelVerdict): void {
    const { counts } = this;
    if (outcome === Outcome["slow:response-framing"]) counts.unsure++;
    else if (outcome === Outcome["slow:body-overrun"]) counts.overrun++;
    else if (outcome !== SKIPPED) this.say("an outcome that answers do not have", shown, kernel);
  }

  private say(what: string, pieces: readonly Buffer[], kernel: KernelVerdict): void {
    this.counts.disagreements++;
    if (this.disagreements.length >= MOST_REPORTED) return;
    const { outcome, rest, edge, expect } = kernel;
    const said = `${outcomeName(outcome)} ${rest.toString(16)} ${edge} ${expect}`;
    this.disagreements.push(
      `${what}; the kernel: ${said}; ${JSON.stringify(pieces.map((piece) => piece.toString("latin1")))}`,
    );
  }
}
