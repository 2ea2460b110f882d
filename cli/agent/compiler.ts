// SPDX-License-Identifier: Apache-2.0
import { Worker } from "node:worker_threads";
import type { Clock } from "../../core/clock.js";
import { SockmeshError } from "../../core/errors.js";
import type { Log } from "../../core/log.js";
import type { CompiledTable } from "../../l7policy/compile/compile.js";
import { l7In, type SetSource } from "../../l7policy/compile/source.js";
import type { Compiler, Made } from "../../l7policy/compile/workshop.js";
import { digestOf, knowDigest } from "../../l7policy/families/digest.js";
import type { Policy } from "../../l7policy/model.js";
import type {
  ChangedFile,
  CompilerPort,
  CompilerQuestion,
  CompilerReply,
  PlainError,
  SourceRef,
} from "./compiler-messages.js";
import type { LoadedPolicies } from "./policies.js";

/** A thread that answers, and how to end it. */
export interface CompilerLine {
  readonly port: CompilerPort;
  end(): void;
}

/**
 * Starts the thread.
 * @param generation to be told to it
 * @param gone to be called when it has ended by itself
 */
export type StartCompiler = (generation: number, gone: (cause: Error) => void) => CompilerLine;

/** The real one. It does not keep the process alive. */
export const startThread: StartCompiler = (generation, gone) => {
  const worker = new Worker(new URL("./compiler-thread.js", import.meta.url), { workerData: generation });
  worker.unref();
  worker.on("error", gone);
  worker.on("exit", (code) => gone(new Error(`the thread ended with ${code}`)));
  return { port: worker, end: () => void worker.terminate() };
};

/** A thread that is asked nothing for so long ends, and its memory is free, unless what it knows is worth more. */
const IDLE_MS = 1_000;
/** L7 rules that are read and compiled anew within a tenth of a second or so. */
const FEW_RULES = 1_000;
/** Generations that one thread may use. */
const GENERATIONS = 2 ** 20;

interface Pending {
  resolve(reply: CompilerReply): void;
  reject(error: Error): void;
}

/**
 * The thread that reads policies and compiles rule sets, so that no request waits for that. It is started when it is
 * asked and ends when it has nothing to do; when it dies, what was asked fails and the next question starts another.
 */
export class CompilerThread implements Compiler {
  private line: CompilerLine | undefined;
  private readonly pending = new Map<number, Pending>();
  private readonly parsed = new Map<string, readonly Policy[]>();
  private lastId = 0;
  private starts = 0;
  private closed = false;
  private awake = (): void => {};

  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly start: StartCompiler = startThread,
  ) {}

  /** Policies at a path; files that did not change are the same objects as before. */
  async read(path: string): Promise<LoadedPolicies> {
    const read = await this.ask({ op: "read", path }, "read");
    for (let last = false; !last;) {
      const more = await this.ask({ op: "more" }, "more");
      more.changed.forEach((one) => this.keep(one));
      ({ last } = more);
    }
    const { files } = read;
    const now = new Set(files);
    for (const file of this.parsed.keys()) if (!now.has(file)) this.parsed.delete(file);
    const policies = files.flatMap((file) => this.parsed.get(file) ?? []);
    return { files, policies, errors: read.errors.map(errorOf) };
  }

  async make(sources: readonly SetSource[]): Promise<readonly Made[]> {
    const sets = sources.map(refOf);
    const ask = (rules: SetSource["l7"]) => this.askFor({ op: "make", sets, rules }, "made");
    const reply = (await ask([])) ?? (await ask(sources.flatMap(({ l7 }) => l7)));
    if (!reply) throw new SockmeshError("SM_POLICY_REGEX", "the rules are not known");
    return reply.made;
  }

  async join(first: SetSource, second: SetSource): Promise<CompiledTable | undefined> {
    const sets = [refOf(first), refOf(second)] as const;
    const ask = (rules: SetSource["l7"]) => this.askFor({ op: "join", sets, rules }, "joined");
    return ((await ask([])) ?? (await ask([...first.l7, ...second.l7])))?.table;
  }

  /** Ends the thread; nothing can be asked any more. Idempotent. */
  close(): void {
    this.awake();
    this.closed = true;
    this.drop(new SockmeshError("SM_ENDPOINT", "the agent stops"));
  }

  private keep({ file, policies, digests }: ChangedFile): void {
    this.parsed.set(file, policies);
    let at = 0;
    for (const l7 of l7In(policies)) {
      const digest = digests[at++];
      if (digest !== undefined) knowDigest(l7, digest);
    }
  }

  /** Undefined when the thread does not know the rules. */
  private async askFor<K extends "made" | "joined">(
    question: CompilerQuestion,
    kind: K,
  ): Promise<Extract<CompilerReply, { kind: K }> | undefined> {
    const reply = await this.send(question);
    return reply.kind === "unknown" ? undefined : expect(reply, kind);
  }

  private async ask<K extends CompilerReply["kind"]>(
    question: CompilerQuestion,
    kind: K,
  ): Promise<Extract<CompilerReply, { kind: K }>> {
    return expect(await this.send(question), kind);
  }

  private send(question: CompilerQuestion): Promise<CompilerReply> {
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(new SockmeshError("SM_ENDPOINT", "the agent stops"));
      this.awake();
      const id = ++this.lastId;
      this.pending.set(id, { resolve, reject });
      this.open().postMessage({ ...question, id });
    });
  }

  private open(): CompilerPort {
    if (this.line) return this.line.port;
    const line = this.start(this.starts++ * GENERATIONS, (cause) => {
      if (this.line !== line) return;
      this.log.error({ cause: cause.message }, "the thread that compiles policies has died");
      this.drop(new SockmeshError("SM_LIMIT", `policies could not be compiled: ${cause.message}`));
    });
    line.port.on("message", (reply: CompilerReply) => {
      if (this.line !== line) return;
      const asked = this.pending.get(reply.id);
      this.pending.delete(reply.id);
      this.awake();
      if (this.pending.size === 0 && this.knowsLittle())
        this.awake = this.clock.after(IDLE_MS, () => this.drop(new Error("nothing is asked")));
      asked?.resolve(reply);
    });
    this.line = line;
    return line.port;
  }

  private knowsLittle(): boolean {
    let rules = 0;
    for (const policies of this.parsed.values())
      for (const l7 of l7In(policies)) if ((rules += l7.rules.length) > FEW_RULES) return false;
    return true;
  }

  private drop(error: Error): void {
    const { line } = this;
    this.line = undefined;
    line?.end();
    const asked = [...this.pending.values()];
    this.pending.clear();
    for (const { reject } of asked) reject(error);
  }
}

function expect<K extends CompilerReply["kind"]>(
  reply: CompilerReply,
  kind: K,
): Extract<CompilerReply, { kind: K }> {
  if (reply.kind === "error") throw errorOf(reply.error);
  if (reply.kind !== kind) throw new Error(`answered ${reply.kind} instead of ${kind}`);
  return reply as Extract<CompilerReply, { kind: K }>;
}

function errorOf({ code, message, at, field }: PlainError): SockmeshError {
  return new SockmeshError(code, message, { at, field });
}

function refOf({ protocol, part, l7 }: SetSource): SourceRef {
  return { protocol, part, digests: l7.map(digestOf) };
}
