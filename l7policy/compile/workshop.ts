// SPDX-License-Identifier: Apache-2.0
import { asSockmeshError } from "../../core/errors.js";
import { memcachedBuffers, MemcachedRuleSet, type MemcachedPart } from "../families/memcached-set.js";
import { RuleSetCache, textOf } from "../ruleset.js";
import type { CompiledTable } from "./compile.js";
import { AutomataSource, automataBuffers, type AutomataPart } from "./copied.js";
import type { HttpRuleSet } from "./http.js";
import {
  httpRulesOf,
  memcachedId,
  memcachedRulesOf,
  memcachedText,
  orderedMemcached,
  type SetSource,
} from "./source.js";

/** A compiled set, as plain data that another thread can take. */
export type MadeSet = {
  /** Content address of its rules. */
  readonly id: string;
  /** The rules as they are counted: by their positions among those of the source. */
  readonly order: Uint32Array;
  readonly table: CompiledTable;
} & (
  | { readonly protocol: "http"; readonly automata: AutomataPart }
  | { readonly protocol: "memcached"; readonly automata: MemcachedPart }
);

/** What became of a set: it, or why its rules cannot be compiled. */
export type Made = MadeSet | { readonly failed: string };

/** What is compiled for a thread that judges; that thread has copies of what it needs, and is told what is new. */
export interface Compiler {
  make(sources: readonly SetSource[]): Promise<readonly Made[]>;
  /** The table of what two sets allow together, counted by the rules of the first. */
  join(first: SetSource, second: SetSource): Promise<CompiledTable | undefined>;
}

/** Compiles one after the other, for one copy elsewhere. */
export class Workshop {
  private readonly sets = new RuleSetCache();
  private readonly copy: AutomataSource;

  /** @param generation greater than any that the copy has seen, of an earlier workshop */
  constructor(generation = 0) {
    this.copy = new AutomataSource(generation);
  }

  /** Compiles sets; a set that cannot be compiled keeps no other from it. */
  make(sources: readonly SetSource[]): Made[] {
    return sources.map((source) => {
      try {
        return source.protocol === "http" ? this.http(source) : memcached(source);
      } catch (thrown) {
        return { failed: asSockmeshError(thrown, "SM_POLICY_REGEX").message };
      }
    });
  }

  /** See {@link Compiler}. Throws SM_POLICY_REGEX. */
  join(first: SetSource, second: SetSource): CompiledTable | undefined {
    if (first.protocol !== second.protocol) return undefined;
    if (first.protocol === "http")
      return this.sets.http(httpRulesOf(first)).joined(this.sets.http(httpRulesOf(second)));
    return memcachedSet(first).joined(memcachedSet(second));
  }

  private http(source: SetSource): MadeSet {
    const all = httpRulesOf(source);
    const set: HttpRuleSet = this.sets.http(all);
    const { id, rules, table } = set;
    const automata = this.copy.part(set.plan.automata);
    return { protocol: "http", id, order: orderOf(rules, all, textOf), table: copied(table), automata };
  }
}

function memcachedSet(source: SetSource): MemcachedRuleSet {
  const rules = orderedMemcached(memcachedRulesOf(source));
  return new MemcachedRuleSet(memcachedId(rules), rules);
}

function memcached(source: SetSource): MadeSet {
  const set = memcachedSet(source);
  const { id, table, part: automata } = set;
  const order = orderOf(set.memcached, memcachedRulesOf(source), memcachedText);
  return { protocol: "memcached", id, order, table, automata };
}

/** Rules of a set that was made before are other objects than those of the source, with the same text. */
function orderOf<R>(ordered: readonly R[], all: readonly R[], textOf: (rule: R) => string): Uint32Array {
  const places = new Map(all.map((rule, at) => [textOf(rule), at]));
  return Uint32Array.from(ordered, (rule) => places.get(textOf(rule))!);
}

/** The workshop may give a table out again. */
function copied({ bytes, kernel }: CompiledTable): CompiledTable {
  return { bytes: bytes.slice(), kernel };
}

/** The buffers of a set, to be handed over rather than copied. */
export function buffersOf(made: Made): ArrayBufferLike[] {
  if ("failed" in made) return [];
  const { order, table } = made;
  const rest = made.protocol === "http" ? automataBuffers(made.automata) : memcachedBuffers(made.automata);
  return [order.buffer, table.bytes.buffer, ...rest];
}
