// SPDX-License-Identifier: Apache-2.0
import { DEFAULT_LIMITS } from "../../core/limits.js";
import { Outcome, outcomeName } from "../../core/outcome.js";
import { runHead, type HeadVerdict } from "../../l7policy/compile/run.js";
import { RequestDecoder } from "../../protocols/http1/decoder.js";
import { Expectation, type HttpRequest } from "../../protocols/http1/request.js";
import { HttpField } from "../../protocols/fields.js";
import type { Framing } from "../../protocols/protocol.js";
import { BodyKind } from "../../sockmap/abi.js";
import { Random } from "../support/random.js";
import { HeadSource } from "./heads.js";
import { emptyVerdict, type FuzzProgram, MOST_MESSAGE, SERIES, type KernelVerdict } from "./program.js";
import { JudgeSource, type Judge } from "./rules.js";

/**
 * Whether the kernel gives up on heads of more lines than the codec takes. While it does not, it allows such heads, and
 * the codec refuses them: harmless to policy, as every line is judged, but not the same answer.
 */
export const KERNEL_COUNTS_LINES = false;

/** Longest head that the kernel judges, and how much further it may look (judge.h). */
export const MOST_HEAD = 4096;
const BATCH = 1000;
/** Disagreements that are told in words. */
export const MOST_REPORTED = 10;

/** A head that the kernel allows, with what policy saw of it. */
export interface AllowedHead {
  readonly raw: Buffer;
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly bodyLength: number;
}

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
    /** Heads that the kernel did not read to their end as they are too long, or have too many lines. */
    tooLong: 0,
    /** Allowed by the kernel and refused by the codec for their number of lines. */
    tooManyLines: 0,
    largeTables: 0,
    disagreements: 0,
  };
  /** The first disagreements, in words. */
  readonly disagreements: string[] = [];
  /** Called for each head that was allowed. */
  onAllowed: ((head: AllowedHead) => void) | undefined;
  /** Judges that were used. */
  readonly ruleSets = new Set<Judge>();
  private readonly random: Random;
  private readonly heads: HeadSource;
  private readonly judges: JudgeSource;
  private readonly judged = emptyVerdict();
  private readonly framed = emptyVerdict();
  private readonly codec = new Codec();

  constructor(
    private readonly program: FuzzProgram,
    readonly seed: number,
  ) {
    this.random = new Random(seed);
    this.heads = new HeadSource(this.random);
    this.judges = new JudgeSource(this.random);
  }

  /** Judges at least so many heads, about a thousand with each rule set. */
  run(heads: number): void {
    const until = this.counts.heads + heads;
    while (this.counts.heads < until)
      this.batch(this.judges.next(), Math.min(BATCH, until - this.counts.heads));
  }

  /** Judges heads with one rule set. */
  batch(judge: Judge, heads: number): void {
    const { program, random, judged, framed, counts } = this;
    const table = judge.table.bytes;
    this.ruleSets.add(judge);
    counts.swaps++;
    const slot = program.setTable(table);
    if (slot >> 16 > 0) counts.largeTables++;
    program.clear();
    const messages: Buffer[] = [];
    for (let i = 0; i < heads && program.hasRoom(1); i++) {
      const message = this.message();
      messages.push(message);
      program.add(message, slot, 0, random.once(4) ? 1 + random.below(message.length) : message.length);
    }
    program.run("fuzz_judge");
    // The verdicts of one run are overwritten by the next.
    const verdicts = messages.map((_, i) => {
      const verdict = emptyVerdict();
      program.read(i, verdict);
      return verdict;
    });
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
    const lines = outcome === wanted ? 0 : linesOf(message, twin.end);
    if (outcome !== wanted) {
      // The kernel gives up at a length, and at a number of actions that heads of so many lines can have.
      const long = twin.end > MOST_HEAD || lines > DEFAULT_LIMITS.headerCount;
      if (outcome !== Outcome["slow:not-canonical"] || !long)
        say(`the kernel says ${outcomeName(outcome)}, its twin ${twin.verdict}`);
      counts.tooLong++;
    }
    if (framed.outcome !== outcome && framed.outcome !== Outcome["slow:pipelined"])
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

    if (codec.fault === "too-many-headers" && !KERNEL_COUNTS_LINES && linesOf(message, twin.end) > 100) {
      counts.tooManyLines++;
      return;
    }
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
    if (this.onAllowed) this.onAllowed(codec.seen(message.subarray(0, judged.at)));
  }

  private count({ verdict }: HeadVerdict): void {
    const { counts, judged, framed } = this;
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

/** The strict codec and the rules, for one message at a time. */
class Codec {
  result: "request" | "fault" | "short" = "short";
  fault = "";
  headBytes = 0;
  bodyLength = 0;
  expectation = 0;
  rule = -1;
  /** The head is forwarded in other words, asks for more than an answer, or ends its connection. */
  unfit = false;
  framing: Framing = { at: "between" };
  private decoder = new RequestDecoder(DEFAULT_LIMITS);
  private judge: Judge | undefined;
  private message: Uint8Array = new Uint8Array(0);
  private readonly sink = {
    head: (request: HttpRequest): void => {
      if (this.result !== "short") return;
      this.result = "request";
      this.headBytes = request.bytes.length;
      this.bodyLength = request.bodyLength;
      this.expectation = request.expectation;
      this.rule = this.judge?.match(request.fields) ?? -1;
      this.unfit =
        request.upgrade ||
        request.last ||
        request.awaitsContinue ||
        Buffer.compare(request.bytes, this.message.subarray(0, this.headBytes)) !== 0;
    },
    body: (): void => undefined,
    end: (): void => undefined,
    fault: ({ reason }: { reason: string }): void => {
      this.fault = reason;
      if (this.result === "short") this.result = "fault";
    },
  };

  read(message: Buffer, judge: Judge): void {
    this.result = "short";
    this.fault = "";
    this.rule = -1;
    this.judge = judge;
    this.message = message;
    this.decoder.push(message, this.sink);
    this.framing = this.decoder.framing();
    const faulted = this.fault !== "";
    if (faulted || this.framing.at !== "between") this.decoder = new RequestDecoder(DEFAULT_LIMITS);
  }

  /** What policy saw of a head. */
  seen(raw: Buffer): AllowedHead {
    let head: AllowedHead | undefined;
    new RequestDecoder(DEFAULT_LIMITS).push(raw, {
      ...this.sink,
      head: ({ fields, bodyLength }) => (head = { raw: Buffer.from(raw), bodyLength, ...readFields(fields) }),
    });
    if (!head) throw new Error("it was read before");
    return head;
  }
}

function readFields(fields: HttpRequest["fields"]): Omit<AllowedHead, "raw" | "bodyLength"> {
  const text = (kind: number): string => {
    const at = fields.find(kind);
    return at < 0 ? "" : fields.text(at);
  };
  const headers: [string, string][] = [];
  for (let i = 0; i < fields.count; i++)
    if (fields.kind[i] === HttpField.headerName) headers.push([fields.text(i), fields.text(i + 1)]);
  return {
    method: text(HttpField.method),
    target: text(HttpField.path),
    host: text(HttpField.host),
    headers,
  };
}

/** A place in a stream as the body word of the record says it; all bits set where it cannot. */
export function wordOf(framing: Framing): bigint {
  if (framing.at === "between") return 0n;
  if (framing.at === "other") return (1n << 64n) - 1n;
  return BigInt(framing.remaining) | (framing.at === "chunk" ? 1n << BigInt(BodyKind.chunkedBit) : 0n);
}

/** Header lines in the first bytes of a message. */
function linesOf(message: Buffer, end: number): number {
  let lines = -1;
  for (let at = message.indexOf(10); at >= 0 && at < end; at = message.indexOf(10, at + 1)) lines++;
  return lines;
}

function show(value: Partial<KernelVerdict> | HeadVerdict): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "bigint" ? `0x${inner.toString(16)}` : inner,
  );
}
