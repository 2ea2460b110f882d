// SPDX-License-Identifier: Apache-2.0
import { asSockmeshError } from "../../core/errors.js";
import { l7In, type SetSource } from "../../l7policy/compile/source.js";
import { buffersOf, Workshop } from "../../l7policy/compile/workshop.js";
import { digestOf } from "../../l7policy/families/digest.js";
import type { L7Rules } from "../../l7policy/families/model.js";
import type { Parsed } from "../../l7policy/parse/parse.js";
import {
  plainError,
  type ChangedFile,
  type CompilerPort,
  type CompilerQuestion,
  type CompilerReply,
  type CompilerRequest,
  type SourceRef,
} from "./compiler-messages.js";
import { ABILITIES } from "./abilities.js";
import { loadPolicies, policyFiles, type ParsedFiles } from "./policies.js";

/** L7 rules that one reply holds, unless a single file has more: taking it over holds up the requests of the agent. */
const RULES_AT_ONCE = 1_000;

type Answer = CompilerReply extends infer R ? (R extends CompilerReply ? Omit<R, "id"> : never) : never;

/**
 * Reads and compiles for the agent at the other end of a line.
 * @param generation greater than that of any thread that the agent asked before
 */
export function serveCompiler(port: CompilerPort, generation: number): void {
  const desk = new Desk(generation);
  port.on("message", ({ id, ...question }: CompilerRequest) => {
    let answer: Answer;
    try {
      answer = desk.answer(question);
    } catch (thrown) {
      answer = { kind: "error", error: plainError(asSockmeshError(thrown, "SM_POLICY_REGEX")) };
    }
    port.postMessage({ ...answer, id }, buffers(answer));
  });
}

/** What the thread keeps from one request to the next. */
class Desk {
  private readonly workshop: Workshop;
  private readonly parsed: ParsedFiles = new Map();
  /** What the agent has of each file. */
  private readonly sent = new Map<string, Parsed>();
  private waiting: ChangedFile[] = [];
  /** Rules of the files as they are now, by digest. */
  private rules = new Map<string, L7Rules>();

  constructor(generation: number) {
    this.workshop = new Workshop(generation);
  }

  answer(question: CompilerQuestion): Answer {
    switch (question.op) {
      case "read":
        return this.read(question.path);
      case "more":
        return this.more();
      case "make": {
        const sources = this.sources(question.sets, question.rules);
        return sources ? { kind: "made", made: this.workshop.make(sources) } : { kind: "unknown" };
      }
      case "join": {
        const [first, second] = this.sources(question.sets, question.rules) ?? [];
        if (!first || !second) return { kind: "unknown" };
        return { kind: "joined", table: this.workshop.join(first, second) };
      }
    }
  }

  private read(path: string): Answer {
    const { files, errors } = loadPolicies(policyFiles(path), ABILITIES, this.parsed);
    this.waiting = [];
    this.rules = new Map();
    for (const file of this.sent.keys()) if (!this.parsed.has(file)) this.sent.delete(file);
    for (const [file, { parsed }] of this.parsed) {
      const policies = parsed.ok ? parsed.policies : [];
      const l7 = [...l7In(policies)];
      for (const one of l7) this.rules.set(digestOf(one), one);
      if (this.sent.get(file) === parsed) continue;
      this.sent.set(file, parsed);
      this.waiting.push({ file, policies, digests: l7.map(digestOf) });
    }
    return { kind: "read", files, errors: errors.map(plainError) };
  }

  private more(): Answer {
    const changed: ChangedFile[] = [];
    for (let rules = 0; rules < RULES_AT_ONCE && this.waiting.length > 0;) {
      const next = this.waiting.shift();
      if (!next) break;
      changed.push(next);
      for (const { rules: some } of l7In(next.policies)) rules += some.length;
      rules += next.policies.length;
    }
    return { kind: "more", changed, last: this.waiting.length === 0 };
  }

  /** Undefined when some rules are not known. */
  private sources(sets: readonly SourceRef[], more: readonly L7Rules[]): readonly SetSource[] | undefined {
    const told = new Map(more.map((one) => [digestOf(one), one]));
    let complete = true;
    const sources = sets.map(({ digests, ...rest }) => ({
      ...rest,
      l7: digests.flatMap((digest) => {
        const known = this.rules.get(digest) ?? told.get(digest);
        if (!known) complete = false;
        return known ?? [];
      }),
    }));
    return complete ? sources : undefined;
  }
}

function buffers(answer: Answer): ArrayBuffer[] {
  const all =
    answer.kind === "made"
      ? answer.made.flatMap(buffersOf)
      : answer.kind === "joined" && answer.table
        ? [answer.table.bytes.buffer]
        : [];
  return all.filter((buffer) => buffer instanceof ArrayBuffer);
}
