// SPDX-License-Identifier: Apache-2.0
import { Bench } from "../cases/run.js";
import type { World } from "../cases/world.js";
import { requestText } from "../compare/language.js";
import { compileTable, TableReason, type CompiledTable } from "../compile/compile.js";
import { compileMemcached } from "../compile/memcached.js";
import { peersText, refOf, type RuleRef } from "../explain/describe.js";
import { KERNEL_REASONS } from "../explain/kernel.js";
import type { HttpRule } from "../families/model.js";
import { serviceFits } from "../identity/tables.js";
import type { Policy } from "../model.js";
import type { ActiveRule } from "../resolve/rules.js";
import { unseenAllow, unseenDeny } from "../resolve/unseen.js";
import { enforceable, type Abilities } from "../resolve/enforce.js";
import { conflictsOf } from "../resolve/conflicts.js";
import { covers, coversPorts, coversRule, entriesOf, hasNoPeers, httpOf, type Entry } from "./entries.js";
import { CHECKS, type Check, type Finding } from "./finding.js";
import { hasAnchor, unintendedHost } from "./hosts.js";
import { OtherRules, standingOf } from "./shadows.js";

/**
 * Looks for what policies say in vain or do not mean. Comparisons that need more than labels and patterns tell are made
 * only where the answer is sure: what is reported holds, what is not reported may still be there.
 * @param world who there is; what needs endpoints is looked for only when some are given
 * @param abilities of who will enforce the policies
 */
export function lint(policies: readonly Policy[], world: World, abilities: Abilities): Finding[] {
  const linter = new Linter(new Bench(policies, world), world);
  for (const error of enforceable(policies, abilities))
    linter.add("cannot-be-enforced", refAt(error), error.message);
  linter.run();
  return linter.findings.sort(
    (a, b) => compare(a.rule.file, b.rule.file) || a.rule.line - b.rule.line || compare(a.check, b.check),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function refAt(error: ReturnType<typeof enforceable>[number]): RuleRef {
  return { policy: "", file: error.at?.file ?? "", line: error.at?.line ?? 0, field: error.field ?? "" };
}

class Linter {
  readonly findings: Finding[] = [];
  private readonly entries: readonly Entry[];
  private readonly denies: readonly ActiveRule[];

  constructor(
    private readonly bench: Bench,
    private readonly world: World,
  ) {
    const rules = [...bench.revision.rules()];
    this.denies = rules.filter(({ deny }) => deny);
    this.entries = rules.filter(({ deny }) => !deny).flatMap(entriesOf);
  }

  add(check: Check, rule: RuleRef, message: string, witness?: string): void {
    this.findings.push({ check, level: CHECKS[check][0], rule, message, witness });
  }

  run(): void {
    for (const policy of this.bench.revision.policies) this.subject(policy);
    const seen = new Set<ActiveRule>();
    for (const entry of this.entries) {
      if (!seen.has(entry.active)) this.rule(entry.active);
      seen.add(entry.active);
      this.entry(entry);
    }
    for (const active of this.denies) this.rule(active);
    for (const { one, other } of conflictsOf(this.bench.revision, this.bench.store.identities.all()))
      this.add(
        "families-disagree",
        refOf(one.active, one.index),
        `${one.l7.family} here, ${other.l7.family} at ${refText(refOf(other.active, other.index))}`,
      );
    this.shadows();
  }

  /** Who a policy is for. */
  private subject(policy: Policy): void {
    if (this.bench.population.endpoints.size === 0) return;
    const selection = this.bench.revision.subjectOf(policy);
    if (!selection || this.selectsWorkload(selection)) return;
    const rule = refOf({ policy, rule: { at: policy.at, path: "spec" } } as ActiveRule);
    this.add(
      "selects-nothing",
      { ...rule, line: policy.endpoints.at.line, field: "endpointSelector" },
      `no endpoint is selected by ${selection.text || "{}"}`,
    );
  }

  private selectsWorkload(selection: Iterable<number>): boolean {
    const own = new Set(this.bench.population.endpoints.values());
    for (const identity of selection) if (own.has(identity)) return true;
    return false;
  }

  /** Peers, ports and the like of a rule. */
  private rule(active: ActiveRule): void {
    const { rule } = active;
    const { peers } = rule;
    const ref = refOf(active);
    if (hasNoPeers(active))
      this.add(
        "allows-nothing",
        ref,
        `the list of peers is empty: the rule ${active.deny ? "denies" : "allows"} nobody`,
      );
    if (this.bench.population.endpoints.size > 0)
      for (const selection of active.peer.selections)
        if (selection.size === 0)
          this.add("selects-nothing", ref, `no peer is selected by ${selection.text}`);
    if (peers.kind === "services" && this.world.services)
      for (const one of peers.services)
        if (!this.bench.store.knownServices.some((service) => serviceFits(one, service)))
          this.add(
            "unknown-service",
            ref,
            `there is no service ${one.namespace ?? "*"}/${one.name ?? "of these labels"}`,
          );
    for (const { at, message } of active.deny ? unseenDeny(rule) : unseenAllow(rule))
      this.add("not-seen", { ...ref, line: at.line }, message);
    for (const { ports } of rule.ports ?? [])
      for (const { name, at } of ports) {
        const place = { ...ref, line: at.line };
        if (name !== undefined && this.world.endpoints && !this.namesPort(name))
          this.add("unknown-port-name", place, `no endpoint names a port ${name}`);
      }
  }

  private namesPort(name: string): boolean {
    return [...(this.world.endpoints?.values() ?? [])].some(({ ports }) =>
      [...(ports?.keys() ?? [])].some((one) => one.toLowerCase() === name),
    );
  }

  /** One entry of `toPorts`: beside deny rules, beside rules without L7, and its patterns. */
  private entry(entry: Entry): void {
    const { active, index, l7, ports } = entry;
    // That has been said, and nothing else matters then.
    if (hasNoPeers(active)) return;
    const ref = refOf(active, index);
    const denied = this.denies.find((deny) => coversRule(deny, active) && coversPorts(deny, ports));
    if (denied) return this.add("denied-anyway", ref, `denied by ${refText(refOf(denied))}`);
    if (!l7) return;
    if (l7.rules.length === 0)
      this.add("allows-nothing", ref, `the list of ${l7.family} rules is empty: no request is allowed`);
    const open = this.entries.find(
      (one) =>
        one.l7 === undefined &&
        one.active !== active &&
        coversRule(one.active, active) &&
        covers(one.ports, ports),
    );
    if (open)
      this.add(
        "l7-without-effect",
        ref,
        `${refText(refOf(open.active, open.index))} opens the port to ${peersText(open.active.rule.peers)} without looking at requests`,
      );
    const http = httpOf(l7);
    if (l7.family === "memcached") return this.kernel(entry, compileMemcached([l7.rules]));
    if (!http) return this.add("not-in-kernel", ref, `${l7.family}: ${KERNEL_REASONS["not-http"]}`);
    this.patterns(entry);
    this.kernel(entry, compileTable([http]));
  }

  private patterns({ active, index, l7 }: Entry): void {
    if (l7?.family !== "http") return;
    l7.rules.forEach((rule, i) => {
      const ref = refOf(active, index, l7, i);
      for (const name of ["method", "path", "host"] as const) {
        const pattern = rule[name];
        if (pattern !== undefined && hasAnchor(pattern))
          this.add("anchor", ref, `${name}: ${pattern} matches the whole ${name} without ^ and $`);
      }
      const host = rule.host === undefined ? undefined : unintendedHost(rule.host);
      if (host !== undefined)
        this.add(
          "dot-in-host",
          ref,
          `host: ${rule.host} matches more than it seems to; write \\. for a dot`,
          host,
        );
      if (rule.actions) this.add("not-in-kernel", ref, KERNEL_REASONS["header-actions"] ?? "");
    });
  }

  private kernel({ active, index }: Entry, { kernel }: CompiledTable): void {
    if (kernel.eligible) return;
    const check = kernel.reason === TableReason.hostHeader ? "not-in-kernel" : "too-large-for-kernel";
    this.add(check, refOf(active, index), KERNEL_REASONS[kernel.reason] ?? kernel.reason);
  }

  /** HTTP rules that others make needless: in their own list, and in entries that hold wherever theirs does. */
  private shadows(): void {
    const shadowed = new Set<HttpRule>();
    const place = new Map<HttpRule, RuleRef>();
    const lists = this.entries.flatMap((entry) => {
      const rules = entry.l7 && httpOf(entry.l7);
      rules?.forEach((rule, i) => place.set(rule, refOf(entry.active, entry.index, entry.l7, i)));
      return rules ? [{ entry, rules }] : [];
    });
    // Of two equal rules the later one is in vain.
    for (const { entry, rules } of [...lists].reverse()) {
      const holding = lists.filter(
        (other) =>
          other.entry === entry ||
          (coversRule(other.entry.active, entry.active) && covers(other.entry.ports, entry.ports)),
      );
      const others = new OtherRules(
        holding.flatMap((other) => other.rules).filter((rule) => !shadowed.has(rule)),
      );
      for (const rule of [...rules].reverse()) {
        const ref = place.get(rule);
        if (!ref) continue;
        const standing = standingOf(rule, others);
        if (standing.kind === "unreachable")
          this.add("unreachable", ref, "no request has such a method, path and host");
        else if (standing.kind === "unknown")
          this.add("not-compared", ref, "the patterns are too large to be compared");
        else if (standing.kind === "shadowed" && !rule.actions) {
          const by = standing.by.flatMap((one) => place.get(one) ?? []).map(refText);
          this.add(
            "shadowed",
            ref,
            `all that it allows is allowed by ${by.join(" and ")}`,
            requestText(standing.request),
          );
          shadowed.add(rule);
          others.remove(rule);
        }
      }
    }
  }
}

function refText({ file, line }: RuleRef): string {
  return `${file}:${line}`;
}
