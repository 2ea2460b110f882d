// SPDX-License-Identifier: Apache-2.0
import { Outcome, outcomeName } from "../../core/outcome.js";
import { JudgeBound } from "../../core/table.js";
import { runHead, type HeadVerdict } from "../../l7policy/compile/run.js";
import { Expectation } from "../../protocols/http1/request.js";
import { SlotBits } from "../../sockmap/abi.js";
import { Random } from "../support/random.js";
import { Codec, wordOf } from "./codec.js";
import { HeadSource } from "./heads.js";
import {
  emptyVerdict,
  type FuzzProgram,
  ItemFlag,
  MOST_MESSAGE,
  SERIES,
  type KernelVerdict,
} from "./program.js";
import { JudgeSource, type Judge } from "./rules.js";

/** Bytes of a head that the kernel has before it when it must copy them together. */
export const MOST_HEAD = JudgeBound.head;
const BATCH = 1000;
/** To compile a rule set takes as long as some thousand heads: each one is used a few times. */
const USES = 10;
/** Disagreements that are told in words. */
export const MOST_REPORTED = 10;

/** Compares the kernel's judgement of request heads with TypeScript's. */
export class RequestFuzz {
  readonly counts = {
    heads: 0,
    swaps: 0,
    allowed: 0,
    denied: 0,
    unsure: 0,
    refused: 0,
    short: 0,
    withBody: 0,
    /** Heads that end behind the bytes that the kernel had before it; the twin has them all. */
    cut: 0,
    /** Refused by the codec for their number of lines. */
    tooManyLines: 0,
    inMediumTables: 0,
    inLargeTables: 0,
    /** Heads of which the memory knew all, or all but the first line. */
    recalled: 0,
    disagreements: 0,
  };
  /** The first disagreements, in words. */
  readonly disagreements: string[] = [];
  /** Called for each head that was allowed, without its body. */
  onAllowed: ((head: Buffer) => void) | undefined;
  private readonly random: Random;
  private readonly heads: HeadSource;
  private readonly judges: JudgeSource;
  private readonly judged = emptyVerdict();
  private readonly framed = emptyVerdict();
  private readonly codec = new Codec();

  constructor(
    private readonly program: FuzzProgram,
    readonly seed: number,
    uses = USES,
  ) {
    this.random = new Random(seed);
    this.heads = new HeadSource(this.random);
    this.judges = new JudgeSource(this.random, uses);
  }

  /** Rule sets that were compiled. */
  get ruleSets(): number {
    return this.judges.made;
  }

  /** Judges so many heads, about a thousand with each rule set. */
  run(heads: number): void {
    for (let left = heads; left > 0; left -= BATCH)
      this.judge(this.judges.next(), this.messages(Math.min(left, BATCH)));
  }

  /** New messages, and such as a client that repeats itself sends. */
  private messages(count: number): Buffer[] {
    const { random } = this;
    const made: Buffer[] = [];
    for (let before = this.message(); made.length < count;) {
      const message = random.once(2) ? this.message() : this.repeated(before);
      made.push(message);
      if (random.once(16)) before = message;
    }
    return made;
  }

  /** The message again; or its fields behind the first line of another one; or with another byte. */
  private repeated(before: Buffer): Buffer {
    const { random } = this;
    if (random.once(3)) return before;
    const again = Buffer.from(before);
    if (random.once(3)) {
      again[random.below(again.length)] = random.below(256);
      return again;
    }
    const other = random.once(2) ? this.message() : before;
    const line = other.subarray(0, other.indexOf("\n") + 1 + random.below(2) * random.below(40));
    const message = Buffer.concat([line, again.subarray(again.indexOf("\n") + 1)]).subarray(0, MOST_MESSAGE);
    return message.length > 0 ? message : before;
  }

  /** Judges messages with one rule set: so many as one run of the program can take. */
  judge(judge: Judge, messages: readonly Buffer[]): void {
    const { program, random, judged, framed, counts } = this;
    const table = judge.table.bytes;
    counts.swaps++;
    // Each size has a function of its own; few tables need the largest.
    const slot = program.setTable(table, random.once(25) ? 2 : random.once(10) ? 1 : 0);
    if (slot >> SlotBits.size === 1) counts.inMediumTables += messages.length;
    if (slot >> SlotBits.size === 2) counts.inLargeTables += messages.length;
    program.clear();
    const remembers = messages.map(() => !random.once(4));
    messages.forEach((message, i) => {
      const first = random.once(4) ? 1 + random.below(message.length) : message.length;
      program.add(message, slot, remembers[i] ? ItemFlag.remembers : 0, first);
    });
    const missed = program.misses;
    program.run("fuzz_judge");
    // The verdicts of one run are overwritten by the next.
    const verdicts = messages.map((_, i) => {
      const verdict = emptyVerdict();
      program.read(i, verdict);
      return verdict;
    });
    const allowed = verdicts.filter(({ outcome }, i) => remembers[i] && outcome === Outcome.allowed).length;
    counts.recalled += allowed - (program.misses - missed);
    program.run("fuzz_request");
    messages.forEach((message, i) => {
      Object.assign(judged, verdicts[i]);
      program.read(i, framed);
      const twin = runHead(table, message, 0, message.length);
      this.compare(message, twin, judge);
    });
    counts.heads += messages.length;
  }

  /** A head, now and then with the beginning of its body, or of more. */
  private message(): Buffer {
    const { random } = this;
    let raw = this.heads.next();
    if (random.once(4))
      raw += random.of(["x", "hello", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "0\r\n\r\n", "\r\n"]);
    return Buffer.from(raw.slice(0, MOST_MESSAGE), "latin1");
  }

  private compare(message: Buffer, twin: HeadVerdict, judge: Judge): void {
    const { counts, judged, framed, codec } = this;
    const say = (what: string): void => {
      counts.disagreements++;
      if (this.disagreements.length < MOST_REPORTED)
        this.disagreements.push(
          `${what}: ${JSON.stringify(message.toString("latin1"))}, kernel ${show(judged)}, ${show(framed)}, ` +
            `twin ${show(twin)}, codec ${codec.result}, rules ${judge.rules}`,
        );
    };
    codec.read(message, judge);
    this.count(twin);
    const wanted = OUTCOMES[twin.verdict];
    const { outcome } = judged;
    if (outcome !== wanted) {
      if (outcome !== Outcome["slow:not-canonical"] || twin.end <= MOST_HEAD)
        say(`the kernel says ${outcomeName(outcome)}, its twin ${twin.verdict}`);
      counts.cut++;
    }
    if (outcome !== Outcome.allowed && framed.outcome !== outcome)
      say(`judged as ${outcomeName(outcome)}, handled as ${outcomeName(framed.outcome)}`);
    if (twin.verdict === "refuse" && codec.rule >= 0) say("refused, but TypeScript allows it");
    if (outcome !== Outcome.allowed) return;

    // From here on: what the kernel allows.
    if (
      judged.at !== twin.end ||
      judged.length !== twin.length ||
      judged.expect !== twin.expect ||
      judged.got !== twin.got ||
      judged.rule !== SERIES + twin.rule
    )
      say("another reading than the twin's");
    const behind = message.length - judged.at;
    if (behind > judged.length) {
      if (framed.outcome !== Outcome["slow:pipelined"]) say("bytes behind the message are moved with it");
    } else if (
      framed.outcome !== Outcome.allowed ||
      framed.rest !== BigInt(judged.length - behind) ||
      framed.rule !== judged.rule ||
      !framed.edge ||
      framed.expect !== (judged.expect === Expectation.head ? 1 : 0)
    )
      say("framed otherwise than judged");

    if (codec.result !== "request") return say("the codec refuses what the kernel allows");
    if (
      judged.at !== codec.headBytes ||
      judged.length !== codec.bodyLength ||
      judged.expect !== codec.expectation ||
      codec.unfit
    )
      say("the codec reads something else");
    if (codec.rule !== judged.rule - SERIES)
      say(`allowed by rule ${judged.rule - SERIES}, not ${codec.rule}`);
    if (behind <= judged.length && framed.rest !== wordOf(codec.framing)) say("the codec stands elsewhere");
    this.onAllowed?.(message.subarray(0, judged.at));
  }

  private count({ verdict }: HeadVerdict): void {
    const { counts, judged, framed, codec } = this;
    if (codec.fault === "too-many-headers") counts.tooManyLines++;
    if (judged.outcome === Outcome.allowed) counts.allowed++;
    if (framed.rest > 0n) counts.withBody++;
    if (verdict === "end") counts.denied++;
    if (verdict === "unsure") counts.unsure++;
    if (verdict === "refuse") counts.refused++;
    if (verdict === "short") counts.short++;
  }
}

/** What the kernel answers where its twin says so. */
export const OUTCOMES: Readonly<Record<HeadVerdict["verdict"], number>> = {
  allow: Outcome.allowed,
  end: Outcome["slow:not-allowed"],
  refuse: Outcome["slow:not-allowed"],
  unsure: Outcome["slow:not-canonical"],
  short: Outcome["slow:not-canonical"],
};

function show(value: Partial<KernelVerdict> | HeadVerdict): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "bigint" ? `0x${inner.toString(16)}` : inner,
  );
}
