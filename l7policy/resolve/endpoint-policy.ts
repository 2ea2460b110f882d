// SPDX-License-Identifier: Apache-2.0
import type { L7Rules } from "../model.js";
import type { Identity, RuleSet } from "../policy.js";
import { portFits, processFits, type ActiveRule, type Connection } from "./rules.js";

const ALLOW: RuleSet = { kind: "allow" };
const DENY: RuleSet = { kind: "deny" };
const MOST_REMEMBERED = 16_384;
const PEERS = 2 ** 32;

/** Makes a rule set of L7 rules that hold together. They may be of several families: then nothing can be allowed. */
export type Compile = (l7: readonly L7Rules[]) => RuleSet;

/** What one rule says of a connection, its L7 part apart. */
export type Standing = { readonly open: boolean; readonly l7: readonly L7Rules[] };

/** What an allow rule opens on a connection's port; undefined when its peer, process or port does not fit. */
export function standingOf(active: ActiveRule, connection: Connection): Standing | undefined {
  const { rule, soft } = active;
  if (!active.peer.fits(connection.peer) || !processFits(active, connection.process)) return undefined;
  if (!rule.ports) return { open: true, l7: [] };
  const entries = rule.ports.filter((entry) => portFits(entry, connection));
  if (entries.length === 0) return undefined;
  if (soft || entries.some((entry) => entry.l7 === undefined)) return { open: true, l7: [] };
  return { open: false, l7: entries.flatMap((entry) => (entry.l7 ? [entry.l7] : [])) };
}

/** True when a deny rule is about a connection. */
export function denies(active: ActiveRule, connection: Connection): boolean {
  const { rule, peer } = active;
  return (
    peer.fits(connection.peer) &&
    processFits(active, connection.process) &&
    (!rule.ports || rule.ports.some((entry) => portFits(entry, connection)))
  );
}

/**
 * All rules of one direction that select one identity. Deny beats allow; within a rule peer, process, port and L7 must
 * all fit; rules add up; a rule without an L7 part makes the L7 parts of the others moot.
 */
export class EndpointPolicy {
  private readonly deny: readonly ActiveRule[];
  private readonly allow: readonly ActiveRule[];
  /** First ports of the classes of ports that rules tell apart. */
  private readonly classes: Int32Array;
  /** Names of ports in rules: these ask for more than the class of the port. */
  readonly names: ReadonlySet<string>;
  /** Those that name processes. */
  private readonly processes: readonly ActiveRule[];
  private remembered = new Map<number | string, RuleSet>();
  private portNames = -1;

  /**
   * @param rules in the order of their files
   * @param defaultDeny what no rule allows is denied
   */
  constructor(
    readonly rules: readonly ActiveRule[],
    readonly defaultDeny: boolean,
    private readonly compile: Compile,
  ) {
    this.deny = rules.filter((one) => one.deny);
    this.allow = rules.filter((one) => !one.deny);
    const ranges = rules.flatMap(({ rule }) => rule.ports?.flatMap(({ ports }) => ports) ?? []);
    const starts = ranges.flatMap(({ first, last, name }) =>
      name === undefined && first !== 0 ? [first, last + 1] : [],
    );
    this.classes = Int32Array.from([...new Set(starts)].sort((a, b) => a - b));
    this.names = new Set(ranges.flatMap(({ name }) => name ?? []));
    this.processes = rules.filter(({ rule }) => rule.processes !== undefined);
  }

  /** First ports of the classes that rules tell apart, ascending; ports below the first are a class too. */
  get ports(): Iterable<number> {
    return this.classes;
  }

  /** The rule set for a connection. */
  find(connection: Connection): RuleSet {
    if (this.rules.length === 0) return this.defaultDeny ? DENY : ALLOW;
    if (connection.transport !== "TCP") return this.resolve(connection);
    const { peer, port, portNames } = connection;
    if (portNames.version !== this.portNames) {
      this.portNames = portNames.version;
      this.remembered.clear();
    }
    const place =
      (this.names.size > 0 ? port : this.classOf(port)) * PEERS + (peer.identity satisfies Identity);
    // Processes that fit the same rules are as one.
    const fitting = this.processes.map((rule) => (processFits(rule, connection.process) ? 1 : 0)).join("");
    const key = fitting === "" ? place : `${fitting} ${place}`;
    const known = this.remembered.get(key);
    if (known) return known;
    const set = this.resolve(connection);
    if (this.remembered.size >= MOST_REMEMBERED) this.remembered.clear();
    this.remembered.set(key, set);
    return set;
  }

  /** Forgets what was worked out; it is worked out anew when it is asked for. */
  forget(): void {
    this.remembered.clear();
  }

  /** True when a deny rule is about a connection. */
  denies(connection: Connection): boolean {
    return this.deny.some((rule) => denies(rule, connection));
  }

  private resolve(connection: Connection): RuleSet {
    if (this.denies(connection)) return DENY;
    if (!this.defaultDeny) return ALLOW;
    const l7: L7Rules[] = [];
    for (const rule of this.allow) {
      const standing = standingOf(rule, connection);
      if (standing?.open) return ALLOW;
      if (standing) l7.push(...standing.l7);
    }
    return l7.length === 0 ? DENY : this.compile(l7);
  }

  /** Ports of one class meet the same rules. */
  private classOf(port: number): number {
    let low = 0;
    let high = this.classes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.classes[middle] ?? 0) <= port) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
