// SPDX-License-Identifier: Apache-2.0
import { Nfa } from "../automaton/nfa.js";
import { parseRegex } from "../regex/parse.js";
import type { Regex } from "../regex/syntax.js";
import type { Plan } from "./plan.js";

/** The patterns of a plan as automata, one for each field; method and path are joined by `startOf`. */
export class FieldAutomata {
  readonly methods = new Nfa(true);
  readonly methodStarts: readonly number[];
  /** The number of a pattern is that of its pair. */
  readonly paths = new Nfa(true);
  readonly pathStarts: readonly number[];
  /** The number of a pattern is that of its condition. */
  readonly hosts = new Nfa(true);
  readonly hostStarts: readonly number[];
  private readonly byMethod: number[][] = [];
  private readonly anyMethod: number[] = [];

  constructor(plan: Plan) {
    this.methodStarts = plan.methods.map((text, number) => this.methods.add(parseRegex(text), number));
    this.hostStarts = [...plan.hosts].map(([text, number]) => this.hosts.add(parseRegex(text), number));
    const parsed = new Map<string, Regex>();
    this.pathStarts = plan.pairs.map(({ path, method }, number) => {
      (method < 0 ? this.anyMethod : (this.byMethod[method] ??= [])).push(number);
      if (path === undefined) return this.paths.addAnything(number);
      const node = parsed.get(path) ?? parseRegex(path);
      parsed.set(path, node);
      return this.paths.add(node, number);
    });
  }

  /** States of `paths` to start from behind a method that these method patterns match. */
  startOf(methods: ArrayLike<number>): number[] {
    const out: number[] = [];
    for (const pair of this.anyMethod) out.push(this.pathStarts[pair]!);
    for (let i = 0; i < methods.length; i++)
      for (const pair of this.byMethod[methods[i]!] ?? []) out.push(this.pathStarts[pair]!);
    return out;
  }
}
