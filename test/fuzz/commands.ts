// SPDX-License-Identifier: Apache-2.0
import { DEFAULT_LIMITS } from "../../core/limits.js";
import { Outcome, outcomeName } from "../../core/outcome.js";
import { CommandAnswer, CommandBound } from "../../core/table.js";
import { compileMemcached, GROUPS } from "../../l7policy/compile/memcached.js";
import { runHead } from "../../l7policy/compile/run.js";
import { MemcachedRuleSet } from "../../l7policy/families/memcached-set.js";
import type { MemcachedRule, TextRule } from "../../l7policy/families/model.js";
import { memcached } from "../../protocols/memcached/index.js";
import { Expected } from "../../protocols/protocol.js";
import { Random } from "../support/random.js";
import { emptyVerdict, type FuzzProgram, MOST_MESSAGE, SERIES, type KernelVerdict } from "./program.js";
import { wordOf } from "./codec.js";
import { MOST_REPORTED, OUTCOMES } from "./requests.js";

const BATCH = 10_000;
const COMMANDS = [
  "get",
  "gets",
  "set",
  "add",
  "replace",
  "append",
  "prepend",
  "cas",
  "delete",
  "incr",
  "decr",
  "touch",
];
const OTHERS = ["gat", "mg", "ms", "flush_all", "version", "GET", "getx", "se", "bget", "quit", ""];
const KEYS = ["a", "ab", "b", "user.1", "user.x", "users", "noreply", "0", "a.b-c_d/e", "~", "k".repeat(120)];
/** About the most that memcached takes, on either side; and so that many fit into a line. */
const LENGTHS = [1, 2, 3, 7, 8, 9, 40, 40, 120, 240, 241, 242, 243, 244, 247, 248, 249, 249, 250, 250, 251];
const BYTES = [
  " ",
  "  ",
  "\r",
  "\n",
  "\r\n",
  "\t",
  "\0",
  "\x80",
  "\xff",
  "0",
  "9",
  "-",
  "+",
  "a",
  "noreply",
  "\x7f",
];
const GROUP_OF: Record<string, (typeof GROUPS)[number]> = {
  ...{ get: "get", gets: "get", delete: "delete", incr: "count", decr: "count", touch: "touch" },
};

/** Rule sets that must all allow, and their table. */
interface Judge {
  readonly sets: readonly MemcachedRuleSet[];
  readonly table: Uint8Array;
}

/** Compares the kernel's judgement of memcached commands with TypeScript's. */
export class CommandFuzz {
  readonly counts = {
    commands: 0,
    ruleSets: 0,
    allowed: 0,
    denied: 0,
    unsure: 0,
    withValue: 0,
    silent: 0,
    lookups: 0,
    longLines: 0,
    longKeys: 0,
    disagreements: 0,
  };
  /** The first disagreements, in words. */
  readonly disagreements: string[] = [];
  private readonly random: Random;

  constructor(
    private readonly program: FuzzProgram,
    readonly seed: number,
  ) {
    this.random = new Random(seed);
  }

  /** Judges at least so many commands, some thousands with each rule set. */
  run(commands: number): void {
    for (const until = this.counts.commands + commands; this.counts.commands < until;) this.batch();
  }

  private batch(): void {
    const { program, random, counts } = this;
    const judge = this.judge();
    const slot = program.setTable(judge.table);
    program.clear();
    const messages: Buffer[] = [];
    while (messages.length < BATCH && program.hasRoom(1)) {
      const message = Buffer.from(this.message().slice(0, MOST_MESSAGE), "latin1");
      if (message.length === 0) continue;
      messages.push(message);
      program.add(message, slot, 0, random.once(4) ? 1 + random.below(message.length) : message.length);
    }
    program.run("fuzz_judge");
    const judged = messages.map((_, i) => {
      const verdict = emptyVerdict();
      program.read(i, verdict);
      return verdict;
    });
    program.run("fuzz_command");
    const framed = emptyVerdict();
    messages.forEach((message, i) => {
      program.read(i, framed);
      this.compare(judge, message, judged[i]!, framed);
    });
    counts.commands += messages.length;
    counts.ruleSets++;
  }

  private compare(judge: Judge, message: Buffer, judged: KernelVerdict, framed: KernelVerdict): void {
    const { counts } = this;
    const say = (what: string): void => {
      counts.disagreements++;
      if (this.disagreements.length >= MOST_REPORTED) return;
      const rules = JSON.stringify(judge.sets.map(({ memcached: own }) => own));
      const kernel = `${outcomeName(judged.outcome)}, ${outcomeName(framed.outcome)} ${framed.rest} ${framed.expect} ${framed.rule}`;
      this.disagreements.push(
        `${what}: ${JSON.stringify(message.toString("latin1"))}, kernel ${kernel}, rules ${rules}`,
      );
    };
    const twin = runHead(judge.table, message, 0, message.length);
    const wanted = OUTCOMES[twin.verdict];
    if (judged.outcome !== wanted) return say(`the twin says ${twin.verdict}`);
    const seen = this.codec(judge, message);
    if (framed.outcome === Outcome.allowed) {
      counts.allowed++;
      if (framed.expect === 1) counts.lookups++;
      if (framed.expect === 2) counts.silent++;
      if (framed.rest > 0n || message.length > twin.end) counts.withValue++;
      if (twin.end > CommandBound.key) counts.longLines++;
      const expect = seen.answered ? (seen.expectation === Expected.marked ? 1 : 0) : 2;
      const group = GROUPS.indexOf(GROUP_OF[seen.command] ?? "store");
      if (!seen.alone || !seen.allowed) return say("the codec and the rules do not allow it");
      if (seen.expectation > Expected.marked || expect !== framed.expect)
        return say(`answered by ${seen.expectation}`);
      if (seen.word !== framed.rest) return say(`${seen.word} to come`);
      if (framed.rule !== SERIES + group || !framed.edge) return say("counted elsewhere");
      return;
    }
    if (framed.outcome === Outcome["slow:not-allowed"]) counts.denied++;
    else counts.unsure++;
    // What is canonical, alone and allowed is not left to the sidecar.
    if (twin.verdict !== "allow") return;
    if (seen.alone && seen.allowed && framed.outcome !== Outcome["slow:pipelined"])
      say("left to the sidecar");
    if (seen.tooLong) counts.longKeys++;
    else if (twin.expect === CommandAnswer.values && seen.expectation !== Expected.marked) say("no lookup");
  }

  /** What the codec reads: `alone`: one command that it does not refuse, and nothing behind it. */
  private codec(judge: Judge, message: Buffer) {
    const seen = {
      alone: true,
      allowed: false,
      answered: false,
      expectation: -1,
      command: "",
      tooLong: false,
      word: 0n,
    };
    let heads = 0;
    const decoder = memcached.requests(DEFAULT_LIMITS);
    decoder.push(message, {
      head(request) {
        if (++heads > 1 || request.refusal) seen.alone = false;
        if (heads > 1) return;
        seen.tooLong = request.refusal !== undefined;
        seen.allowed = judge.sets.every((set) => set.judge(request.fields));
        seen.answered = request.answered;
        seen.expectation = request.expectation;
        if (request.fields.count > 0) seen.command = request.fields.text(0);
      },
      body: () => undefined,
      end: () => undefined,
      fault: () => (seen.alone = false),
    });
    if (heads === 0) seen.alone = false;
    seen.word = wordOf(decoder.framing());
    return seen;
  }

  private judge(): Judge {
    const { random } = this;
    for (;;) {
      const sets = Array.from({ length: random.once(4) ? 2 : 1 }, () => this.rules());
      const { bytes, kernel } = compileMemcached(sets);
      if (kernel.eligible)
        return { sets: sets.map((rules, i) => new MemcachedRuleSet(String(i), rules)), table: bytes };
    }
  }

  private rules(): MemcachedRule[] {
    const { random } = this;
    const key = (): TextRule =>
      random.once(2)
        ? {
            kind: random.of(["exact", "prefix"]),
            text: random.of(["a", "ab", "user.", "u", "k".repeat(100), "ü"]),
          }
        : {
            kind: random.of(["pattern", "search"]),
            text: random.of(["a.*", "[a-z]+", "user\\.[0-9]+", "^u", ".", "b$", "\\bb", "k{110,}"]),
          };
    const several = <T>(make: () => T): T[] => Array.from({ length: 1 + random.below(3) }, make);
    return Array.from({ length: 1 + random.below(5) }, () => ({
      at: { file: "", line: 0, column: 0 },
      commands: random.once(3) ? undefined : several(() => random.of(COMMANDS)),
      keys: random.once(3) ? undefined : several(key),
      hides: false,
    }));
  }

  /** A command, most of them canonical; some with a byte changed, cut, or with more behind. */
  private message(): string {
    const { random } = this;
    let text = this.command();
    if (random.once(3)) {
      const at = random.below(text.length + 1);
      text = text.slice(0, at) + random.of(BYTES) + text.slice(at + random.below(2));
    }
    if (random.once(12)) text = text.slice(0, 1 + random.below(text.length));
    if (random.once(12)) text += random.of([this.command(), "x", "\r\n", "flush_all\r\n"]);
    return text;
  }

  private command(): string {
    const { random } = this;
    const name = random.once(12) ? random.of(OTHERS) : random.of(COMMANDS);
    // The keys of one long line go round a few lengths.
    const lengths = random.once(5)
      ? Array.from({ length: 1 + random.below(5) }, () => random.of(LENGTHS))
      : [];
    let keys = 0;
    const key = (): string => {
      const length = lengths[keys++ % lengths.length] ?? (random.once(60) ? random.of(LENGTHS) : 0);
      if (length > 0) return random.of(KEYS).padEnd(length, "k").slice(0, length);
      return random.of(KEYS) + (random.once(3) ? String(random.below(99)) : "");
    };
    const most = random.of([16, 16, 40]);
    const number = (): string =>
      random.once(20)
        ? random.of(["-1", "+5", "x", "", "4294967296", "12345678901234567890123", "05"])
        : String(random.below(random.of([10, 1000, 2 ** 31])));
    const noreply = random.once(6) ? random.of([" noreply", " noreply", " noreplyX", " noreply 0"]) : "";
    switch (name) {
      case "get":
      case "gets":
        return `${name} ${Array.from({ length: random.once(2) ? 1 : 1 + random.below(most) }, key).join(" ")}\r\n`;
      case "delete":
        return `${name} ${key()}${random.once(9) ? " 0" : ""}${noreply}\r\n`;
      case "incr":
      case "decr":
      case "touch":
        return `${name} ${key()} ${number()}${noreply}\r\n`;
      default: {
        const value = random.of([
          "",
          "x",
          "hello",
          "END\r\n",
          "VALUE a 0 1\r\n",
          "get a\r\n".repeat(random.below(40)),
        ]);
        const length = random.once(9)
          ? number()
          : random.once(4)
            ? String(value.length + random.below(3000))
            : String(value.length);
        const unique = name === "cas" ? ` ${number()}` : "";
        const body = random.once(5) ? value.slice(0, random.below(value.length + 1)) : `${value}\r\n`;
        return `${name} ${key()} ${number()} ${number()} ${length}${unique}${noreply}\r\n${body}`;
      }
    }
  }
}
