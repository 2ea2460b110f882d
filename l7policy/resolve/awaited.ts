// SPDX-License-Identifier: Apache-2.0
import type { FieldSpans } from "../../protocols/fields.js";
import { SockmeshError, type SourcePosition } from "../../core/errors.js";
import { HttpAutomata, type Automata } from "../compile/automata.js";
import type { CompiledTable } from "../compile/compile.js";
import { CopiedAutomata, UnknownPattern, type AutomataPart } from "../compile/copied.js";
import { HttpJudge } from "../compile/http.js";
import { Plan } from "../compile/plan.js";
import {
  httpRulesOf,
  memcachedRulesOf,
  orderedMemcached,
  sourceOf,
  type SetSource,
  type SourcePart,
} from "../compile/source.js";
import { WeakCache } from "../compile/weak-cache.js";
import type { Compiler, MadeSet } from "../compile/workshop.js";
import { MemcachedJudge, MemcachedRuleSet } from "../families/memcached-set.js";
import type { HttpRule, L7Rules } from "../families/model.js";
import type { L7RuleSet } from "../policy.js";
import { textOf } from "../ruleset.js";

/** NFA states of patterns that stand-ins have used, before they are forgotten. */
const MOST_STATES = 400_000;

/** What judges for a set: of HTTP rules, or of memcached ones. */
type Judging = HttpJudge | MemcachedJudge | MemcachedRuleSet;

/**
 * A rule set that is compiled by another thread. Until it is there the same rules are judged without a table, so that a
 * request never waits for it and is never judged by anything else.
 */
export class AwaitedSet {
  readonly kind = "l7";
  readonly protocol: SetSource["protocol"];
  private made: { readonly id: string; readonly judging: Judging; readonly table: CompiledTable } | undefined;
  private standIn: Judging | undefined;
  private failed = false;
  private ordered: readonly HttpRule[] | undefined;
  private readonly joins = new WeakMap<AwaitedSet, { table: CompiledTable | "later" | undefined }>();

  /** @param key address of the source */
  constructor(
    private readonly key: string,
    readonly source: SetSource,
    private readonly owner: AwaitedSets,
  ) {
    this.protocol = source.protocol;
  }

  get ready(): boolean {
    return this.made !== undefined;
  }

  /** Content address: of the source, then of the rules. */
  get id(): string {
    return this.made?.id ?? this.key;
  }

  /** The rules as `match` and the table count them. */
  get rules(): readonly HttpRule[] | undefined {
    if (this.protocol !== "http") return undefined;
    return (this.ordered ??= orderedHttp(httpRulesOf(this.source)));
  }

  get table(): CompiledTable | "later" | undefined {
    if (this.made) return this.made.table;
    if (this.failed) return undefined;
    this.owner.want(this);
    return "later";
  }

  /** Its rules cannot be compiled. */
  fail(): void {
    this.failed = true;
  }

  joined(other: L7RuleSet): CompiledTable | "later" | undefined {
    if (!(other instanceof AwaitedSet) || other.protocol !== this.protocol) return undefined;
    let join = this.joins.get(other);
    if (!join) {
      const made: { table: CompiledTable | "later" | undefined } = { table: "later" };
      this.joins.set(other, (join = made));
      this.owner.join(
        this,
        other,
        (table) => (made.table = table),
        () => this.joins.delete(other),
      );
    }
    return join.table;
  }

  judge(fields: FieldSpans): boolean {
    return this.judging.judge(fields);
  }

  judgeUpgrade(fields: FieldSpans): boolean {
    const { judging } = this;
    return judging instanceof HttpJudge && judging.judgeUpgrade(fields);
  }

  match(fields: FieldSpans): number {
    const { judging } = this;
    return judging instanceof HttpJudge ? judging.match(fields) : -1;
  }

  matches(fields: FieldSpans): number[] {
    const { judging } = this;
    return judging instanceof HttpJudge ? judging.matches(fields) : [];
  }

  hidden(fields: FieldSpans): readonly number[] | undefined {
    const { judging } = this;
    return judging instanceof HttpJudge ? undefined : judging.hidden(fields);
  }

  /** Takes what was compiled. */
  take(made: MadeSet, copied: CopiedAutomata | undefined): void {
    const { id, table } = made;
    if (made.protocol === "memcached") {
      const all = memcachedRulesOf(this.source);
      const rules = Array.from(made.order, (at) => all[at]!);
      this.made = { id, table, judging: MemcachedJudge.of(rules, made.automata) };
    } else if (copied) {
      const all = httpRulesOf(this.source);
      this.ordered = Array.from(made.order, (at) => all[at]!);
      this.made = { id, table, judging: new HttpJudge(new Plan([this.ordered], copied), table) };
    }
    this.standIn = undefined;
  }

  private get judging(): Judging {
    return this.made?.judging ?? (this.standIn ??= this.owner.standIn(this));
  }
}

/** Rules each once, in the order in which sets count them. */
function orderedHttp(rules: readonly HttpRule[]): readonly HttpRule[] {
  const unique = new Map(rules.map((rule) => [textOf(rule), rule]));
  return [...unique.keys()].sort().map((text) => unique.get(text)!);
}

/** Where a set comes from, for errors. */
export interface SetPlace {
  /** What it is for, in front of what is wrong. */
  readonly what: string;
  readonly at: SourcePosition | undefined;
  readonly field: string | undefined;
}

function placeOf({ source }: AwaitedSet): SetPlace {
  return { what: "", at: source.l7[0]?.rules[0]?.at, field: undefined };
}

/** The rule sets that another thread compiles. */
export class AwaitedSets {
  /** Called in place of compiling when a set that is not ready is looked up. */
  met: ((set: AwaitedSet) => void) | undefined;
  private readonly known = new WeakCache<AwaitedSet>();
  private copied: CopiedAutomata | undefined;
  private own = new HttpAutomata();
  private wanted = new Set<AwaitedSet>();
  private readonly underWay = new WeakSet<AwaitedSet>();

  /**
   * @param ready called when tables have come that somebody has asked for
   * @param failed called with what keeps one from coming
   * @param turn lets requests be judged in between
   */
  constructor(
    private readonly compiler: Compiler,
    private readonly ready: () => void,
    private readonly failed: (error: unknown) => void,
    private readonly turn: () => Promise<void> = () => Promise.resolve(),
  ) {}

  /** The set of some rules; equal ones are one. */
  of(protocol: SetSource["protocol"], l7: readonly L7Rules[], part?: SourcePart): AwaitedSet {
    const { source, key } = sourceOf(protocol, l7, part);
    const set = this.known.get(key, () => new AwaitedSet(key, source, this));
    if (!set.ready) this.met?.(set);
    return set;
  }

  /**
   * Has sets compiled that are not ready, some at a time, so that taking them over holds up nobody. Throws SM_POLICY_REGEX
   * for the first that cannot be compiled; `where` tells its place.
   */
  async finish(sets: readonly AwaitedSet[], where: (set: AwaitedSet) => SetPlace = placeOf): Promise<void> {
    let failure: SockmeshError | undefined;
    for (const some of batches(sets.filter(({ ready }) => !ready))) {
      const made = await this.compiler.make(some.map(({ source }) => source));
      // Copies first: parts must be put together in the order in which they came.
      const copies = made.map((one) =>
        "automata" in one && one.protocol === "http" ? this.copy(one.automata) : undefined,
      );
      await this.turn();
      for (const [at, one] of made.entries()) {
        const set = some[at]!;
        if (!("failed" in one)) {
          set.take(one, copies[at]);
          continue;
        }
        set.fail();
        const { what, ...place } = where(set);
        failure ??= new SockmeshError("SM_POLICY_REGEX", `${what}${one.failed}`, place);
      }
      await this.turn();
    }
    if (failure) throw failure;
  }

  /** Has a set compiled that is in use already; all that are asked for in one turn go together. */
  want(set: AwaitedSet): void {
    if (this.underWay.has(set)) return;
    this.underWay.add(set);
    this.wanted.add(set);
    if (this.wanted.size > 1) return;
    queueMicrotask(() => {
      const sets = [...this.wanted];
      this.wanted.clear();
      this.finish(sets)
        .then(this.ready, this.failed)
        .finally(() => {
          for (const one of sets) this.underWay.delete(one);
        });
    });
  }

  /** Has the table of two sets compiled. */
  join(
    first: AwaitedSet,
    second: AwaitedSet,
    take: (table: CompiledTable | undefined) => void,
    forget: () => void,
  ): void {
    this.compiler.join(first.source, second.source).then(
      (table) => {
        take(table);
        this.ready();
      },
      (thrown: unknown) => {
        // What cannot be compiled will not be later either.
        if (thrown instanceof SockmeshError && thrown.code === "SM_POLICY_REGEX") take(undefined);
        else forget();
        this.failed(thrown);
      },
    );
  }

  /** What judges until a set is compiled. Throws SM_POLICY_REGEX. */
  standIn({ source, rules, id }: AwaitedSet): Judging {
    if (!rules) return new MemcachedRuleSet(id, orderedMemcached(memcachedRulesOf(source)));
    if (this.own.size > MOST_STATES) this.own = new HttpAutomata();
    let plan: Plan<Automata>;
    try {
      plan = new Plan([rules], this.copied ?? this.own);
    } catch (thrown) {
      if (!(thrown instanceof UnknownPattern)) throw thrown;
      plan = new Plan([rules], this.own);
    }
    return new HttpJudge(plan, undefined);
  }

  private copy(part: AutomataPart): CopiedAutomata {
    if (this.copied?.generation !== part.generation) this.copied = new CopiedAutomata(part.generation);
    this.copied.append(part);
    return this.copied;
  }
}

/** Rules of the sets that are compiled by one request, unless a single one has more. */
const BATCH = 2_000;

function* batches(sets: readonly AwaitedSet[]): Iterable<readonly AwaitedSet[]> {
  let batch: AwaitedSet[] = [];
  let rules = 0;
  for (const set of sets) {
    batch.push(set);
    rules += set.source.l7.reduce((sum, one) => sum + one.rules.length, 10);
    if (rules < BATCH) continue;
    yield batch;
    batch = [];
    rules = 0;
  }
  if (batch.length > 0) yield batch;
}
