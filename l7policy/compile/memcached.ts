// SPDX-License-Identifier: Apache-2.0
import { ActionKind, CommandAnswer, TABLE_SIZES } from "../../core/table.js";
import { setOf } from "../automaton/bytes.js";
import { Nfa } from "../automaton/nfa.js";
import { DEAD, Subsets } from "../automaton/subsets.js";
import type { MemcachedRule, TextRule } from "../families/model.js";
import { anywhere } from "../families/matcher.js";
import { parseRegex } from "../regex/parse.js";
import { EMPTY, literal } from "../regex/syntax.js";
import { HTTP_CLASSES } from "./automata.js";
import { TableReason, unsure, type CompiledTable } from "./compile.js";
import { emit, tableSize } from "./emit.js";
import { Graph, REFUSED, TooLarge } from "./graph.js";
import { act, chain, CR, DIGIT, LENGTH, LF, SP } from "./head.js";
import { reduce } from "./reduce.js";

/** Bytes of a canonical key: printable ASCII without the space. */
const KEY = setOf((byte) => byte > 0x20 && byte < 0x7f);
const MOST_ROWS = 60_000;
/** Steps of the subset construction, in NFA states looked at. */
const MOST_WORK = 10_000_000;

/** Groups of commands that are counted apart: the position of a group is the `rule` of the table. */
export const GROUPS = ["get", "store", "delete", "count", "touch"] as const;
type Group = (typeof GROUPS)[number];

/** What stands behind the name: a key, for lookups several; then numbers, each with its most digits. */
interface Form {
  readonly group: Group;
  readonly digits: readonly number[];
  /** Which number is the length of a value; -1 none. */
  readonly length: number;
}

function form(group: Group, digits: readonly number[], length = -1): Form {
  return { group, digits, length };
}

/** Numbers of so many digits memcached takes for what they are. */
const store = form("store", [9, 9, 9], 2);
const COMMANDS: Readonly<Record<string, Form>> = {
  get: form("get", []),
  gets: form("get", []),
  set: store,
  add: store,
  replace: store,
  append: store,
  prepend: store,
  cas: form("store", [9, 9, 9, 18], 2),
  delete: form("delete", []),
  incr: form("count", [18]),
  decr: form("count", [18]),
  touch: form("touch", [9]),
};

/**
 * Compiles rule sets that must all allow a command to the table of canonical text commands: one space between words, CRLF,
 * plain numbers. The length of keys is left to who runs it. Never fails for size.
 */
export function compileMemcached(sets: readonly (readonly MemcachedRule[])[]): CompiledTable {
  try {
    const rows = reduce(new CommandRows(sets).graph);
    if (tableSize(rows) > TABLE_SIZES[TABLE_SIZES.length - 1]!) return unsure(TableReason.tableTooLarge);
    return { bytes: emit(rows, 0), kernel: { eligible: true } };
  } catch (thrown) {
    if (thrown instanceof TooLarge) return unsure(thrown.reason);
    throw thrown;
  }
}

/** The rows of canonical commands, while they are made. */
class CommandRows {
  readonly graph = new Graph(MOST_ROWS);
  private readonly nfa = new Nfa({ ascii: true });
  private readonly states: Subsets;
  /** Rules with the set that they are of, and where their keys begin in the automaton. */
  private readonly rules: { rule: MemcachedRule; set: number; starts: number[] }[] = [];
  /** The set that each pattern is of. */
  private readonly setOf: number[] = [];
  private readonly ends = new Map<string, number>();
  private readonly lineFeed: number;

  /** Throws {@link TooLarge}. */
  constructor(private readonly sets: readonly (readonly MemcachedRule[])[]) {
    const { graph } = this;
    sets.forEach((rules, set) => {
      for (const rule of rules) {
        const starts = (rule.keys ?? [undefined]).map((key) => this.pattern(key, set));
        this.rules.push({ rule, set, starts });
      }
    });
    this.states = new Subsets(this.nfa, HTTP_CLASSES);
    this.lineFeed = graph.add();
    graph.on(this.lineFeed, LF, graph.add(act(ActionKind.end)));
    graph.start = this.names("");
  }

  private pattern(key: TextRule | undefined, set: number): number {
    const number = this.setOf.push(set) - 1;
    if (!key) return this.nfa.add(EMPTY, number, { after: true });
    const { kind, text } = key;
    if (kind === "exact" || kind === "prefix")
      return this.nfa.add(literal(text), number, { after: kind === "prefix" });
    return this.nfa.add(parseRegex(kind === "search" ? anywhere(text) : text), number);
  }

  /** The trie of the commands' names. */
  private names(prefix: string): number {
    const { graph } = this;
    const row = graph.add();
    const longer = Object.keys(COMMANDS).filter((name) => name.startsWith(prefix) && name !== prefix);
    for (const char of new Set(longer.map((name) => name.charCodeAt(prefix.length))))
      graph.on(row, char, this.names(prefix + String.fromCharCode(char)));
    const form = COMMANDS[prefix];
    if (form) graph.on(row, SP, this.command(prefix, form));
    return row;
  }

  /** The row before the key of a command. */
  private command(name: string, { group, digits, length }: Form): number {
    const { graph } = this;
    const usable = this.rules.filter(({ rule }) => !rule.commands || rule.commands.includes(name));
    if (new Set(usable.map(({ set }) => set)).size < this.sets.length) return REFUSED;
    const first = graph.add();
    const starts = usable.flatMap((one) => one.starts);
    if (group === "get") this.keys(first, starts, this.end(group, CommandAnswer.values), first);
    else {
      const silent = chain(graph, "noreply", this.before(this.end(group, CommandAnswer.none)));
      const arguments_ = this.arguments(digits, length, this.end(group, CommandAnswer.line), silent);
      // Without arguments, what may stand behind the key is the word alone.
      if (digits.length === 0) this.keys(first, starts, this.end(group, CommandAnswer.line), silent);
      else this.keys(first, starts, undefined, arguments_);
    }
    return first;
  }

  /** The row that a CR leads to where a command is complete. */
  private end(group: Group, answer: number): number {
    const key = `${group} ${answer}`;
    let row = this.ends.get(key);
    if (row === undefined) {
      const { graph } = this;
      const list = graph.list([{ mask: 0n, rule: GROUPS.indexOf(group) }]);
      row = graph.add(act(ActionKind.target, 0n, answer, list));
      graph.on(row, LF, this.graph.behind(this.lineFeed, LF));
      this.ends.set(key, row);
    }
    return row;
  }

  /** A row whose CR leads to `end`. */
  private before(end: number): number {
    const row = this.graph.add();
    this.graph.on(row, CR, end);
    return row;
  }

  /** Rows of numbers with a space between, up to the CR, or the word that wants no answer. */
  private arguments(digits: readonly number[], length: number, end: number, silent: number): number {
    const { graph } = this;
    let behind = silent;
    for (let at = digits.length - 1; at >= 0; at--) {
      // The row in front of the value's length says that there is one.
      const first = graph.add(at === length ? act(ActionKind.field, LENGTH) : undefined);
      let row = first;
      for (let digit = 0; digit < digits[at]!; digit++) {
        const next = graph.add(at === length ? act(ActionKind.digit) : undefined);
        graph.onAll(row, DIGIT, next);
        graph.on(next, SP, behind);
        if (at === digits.length - 1) graph.on(next, CR, end);
        row = next;
      }
      behind = first;
    }
    return behind;
  }

  /**
   * Fills the rows of a key.
   * @param starts where it begins in the automaton
   * @param end behind its CR, where the command may end with it
   * @param behind behind its space
   */
  private keys(first: number, starts: readonly number[], end: number | undefined, behind: number): void {
    const { graph, states } = this;
    const most = states.work + MOST_WORK;
    const known = new Map<number, number>();
    const waiting: (() => void)[] = [];
    const fill = (row: number, state: number): void => {
      if (states.work > most) throw new TooLarge("too-many-states");
      for (let byte = 0; byte < 0x80; byte++) {
        if (KEY[byte] !== 1) continue;
        const next = states.step(state, byte);
        graph.on(row, byte, next === DEAD ? REFUSED : rowOf(next));
      }
    };
    const rowOf = (state: number): number => {
      let row = known.get(state);
      if (row !== undefined) return row;
      row = graph.add();
      known.set(state, row);
      const made = row;
      const sets = new Set(Array.from(states.accepts(state), (pattern) => this.setOf[pattern]));
      const allowed = sets.size === this.sets.length;
      graph.on(row, SP, allowed ? behind : REFUSED);
      if (end !== undefined) graph.on(row, CR, allowed ? end : REFUSED);
      waiting.push(() => fill(made, state));
      return row;
    };
    fill(first, states.start(starts));
    for (let next = waiting.pop(); next; next = waiting.pop()) next();
  }
}
