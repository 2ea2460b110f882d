// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { HttpField, type FieldSpans } from "../protocols/fields.js";
import type { HttpRule } from "./model.js";
import type { RuleSet } from "./policy.js";
import { Patterns } from "./automaton/patterns.js";

interface CompiledRule {
  readonly method: number;
  readonly host: number;
  /** Positions in the set's list of header conditions. */
  readonly headers: readonly number[];
}

interface HeaderCondition {
  readonly name: Uint8Array;
  readonly value: Uint8Array | undefined;
}

const ANY = -1;
const NO_NAME = -1;

/** HTTP rules as automata: paths, methods and hosts of all rules run at once, whatever their number. */
class HttpRuleSet {
  readonly kind = "l7";
  readonly protocol = "http";
  private readonly methods = new Patterns();
  private readonly paths = new Patterns();
  private readonly hosts = new Patterns();
  private readonly conditions: HeaderCondition[] = [];
  /** Rules that name each path pattern, by its number; and those that name none. */
  private readonly byPath: CompiledRule[][] = [];
  private readonly anyPath: CompiledRule[] = [];
  private readonly upgrades: CompiledRule[] = [];
  private readonly seen: Uint8Array;

  constructor(
    readonly id: string,
    rules: readonly HttpRule[],
  ) {
    const conditions = new Map<string, number>();
    for (const rule of rules) {
      const headers = rule.headers.map(({ name, value }) => {
        const key = `${name.toLowerCase()}\n${value ?? ""}\n${value === undefined}`;
        const known = conditions.get(key) ?? conditions.size;
        if (!conditions.has(key)) {
          conditions.set(key, known);
          this.conditions.push({
            name: Buffer.from(name.toLowerCase()),
            value: value === undefined ? undefined : Buffer.from(value),
          });
        }
        return known;
      });
      const compiled: CompiledRule = {
        method: rule.method === undefined ? ANY : this.methods.number(rule.method),
        host: rule.host === undefined ? ANY : this.hosts.number(rule.host),
        headers,
      };
      const path = rule.path === undefined ? ANY : this.paths.number(rule.path);
      if (path === ANY) this.anyPath.push(compiled);
      else (this.byPath[path] ??= []).push(compiled);
      // An upgrade is named by a header condition on it, or by the method CONNECT.
      if (rule.method === "CONNECT" || rule.headers.some(({ name }) => name.toLowerCase() === "upgrade"))
        this.upgrades.push(compiled);
    }
    for (const patterns of [this.methods, this.paths, this.hosts]) patterns.build();
    this.seen = new Uint8Array(this.conditions.length);
  }

  judge(fields: FieldSpans): boolean {
    return this.find(fields, undefined);
  }

  judgeUpgrade(fields: FieldSpans): boolean {
    return this.upgrades.length > 0 && this.find(fields, this.upgrades);
  }

  private find(fields: FieldSpans, within: readonly CompiledRule[] | undefined): boolean {
    const { bytes } = fields;
    const method = fields.find(HttpField.method);
    const path = fields.find(HttpField.path);
    const host = fields.find(HttpField.host);
    const span = (patterns: Patterns, index: number): Int32Array =>
      patterns.size === 0 || index < 0
        ? NONE
        : patterns.match(bytes, fields.start[index] ?? 0, fields.end[index] ?? 0);
    const methods = span(this.methods, method);
    const hosts = span(this.hosts, host);
    if (this.conditions.length > 0) this.readHeaders(fields);
    if (this.anyFits(this.anyPath, methods, hosts, within)) return true;
    const paths = span(this.paths, path);
    for (let i = 0; i < paths.length; i++) {
      const rules = this.byPath[paths[i] ?? 0];
      if (rules && this.anyFits(rules, methods, hosts, within)) return true;
    }
    return false;
  }

  private anyFits(
    rules: readonly CompiledRule[],
    methods: Int32Array,
    hosts: Int32Array,
    within: readonly CompiledRule[] | undefined,
  ): boolean {
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i];
      if (!rule || (within && !within.includes(rule))) continue;
      if (rule.method !== ANY && !methods.includes(rule.method)) continue;
      if (rule.host !== ANY && !hosts.includes(rule.host)) continue;
      let fits = true;
      for (let h = 0; h < rule.headers.length && fits; h++) fits = this.seen[rule.headers[h] ?? 0] === 1;
      if (fits) return true;
    }
    return false;
  }

  private readHeaders(fields: FieldSpans): void {
    this.seen.fill(0);
    for (let i = 0; i < fields.count; i++) {
      if (fields.kind[i] !== HttpField.headerName) continue;
      for (let c = 0; c < this.conditions.length; c++) {
        const { name, value } = this.conditions[c] ?? { name: EMPTY, value: undefined };
        if (!same(fields, i, name, true)) continue;
        if (value === undefined || same(fields, i + 1, value, false)) this.seen[c] = 1;
      }
    }
  }
}

const NONE = new Int32Array(0);
const EMPTY = new Uint8Array(0);

function same(fields: FieldSpans, index: number, wanted: Uint8Array, fold: boolean): boolean {
  const start = fields.start[index] ?? NO_NAME;
  if ((fields.end[index] ?? 0) - start !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i++) {
    let byte = fields.bytes[start + i] ?? 0;
    if (fold && byte >= 0x41 && byte <= 0x5a) byte |= 0x20;
    if (byte !== wanted[i]) return false;
  }
  return true;
}

/** Compiles rule sets; equal ones are compiled once and shared, also across revisions. */
export class RuleSetCache {
  private readonly known = new Map<string, RuleSet>();

  /** The rule set of some HTTP rules; their order does not matter. Throws SM_POLICY_REGEX when they are too large together. */
  http(rules: readonly HttpRule[]): RuleSet {
    const texts = rules.map(({ method, path, host, headers }) =>
      JSON.stringify([method, path, host, headers.map((h) => [h.name.toLowerCase(), h.value])]),
    );
    const unique = new Map(texts.map((text, i) => [text, rules[i]] as const));
    const key = [...unique.keys()].sort().join("\n");
    const known = this.known.get(key);
    if (known) return known;
    const id = createHash("sha256").update(key).digest("hex").slice(0, 16);
    const made = new HttpRuleSet(
      id,
      [...unique.values()].filter((rule) => rule !== undefined),
    );
    this.known.set(key, made);
    return made;
  }
}
