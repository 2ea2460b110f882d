// SPDX-License-Identifier: Apache-2.0
import { Bench } from "../cases/run.js";
import type { World } from "../cases/world.js";
import { refOf, type RuleRef } from "../explain/describe.js";
import { explain } from "../explain/explain.js";
import type { L7Rules, Policy, Transport, Way } from "../model.js";
import type { Identity, RuleSet, Traffic } from "../policy.js";
import { standingOf } from "../resolve/endpoint-policy.js";
import type { PolicyOptions } from "../resolve/store.js";
import { httpRules } from "../compile/source.js";
import { protocolOf } from "../resolve/sets.js";
import { beyond, everything, requestText } from "./language.js";
import { partiesOf } from "./parties.js";
import { allows, sampleOf, UNUSUAL } from "./samples.js";

/** Something that one set of policies allows and the other does not. */
export interface Change {
  readonly kind: "newly allowed" | "newly denied";
  readonly way: Way;
  readonly endpoint: string;
  readonly peers: readonly string[];
  /** E.g. `80`, `81-442`, `443/UDP`. */
  readonly ports: readonly string[];
  /** A request that shows it; undefined when the whole connection does. */
  readonly request: string | undefined;
  /** The rule that allows it, in the new policies or in the old ones; undefined where no rule had to. */
  readonly rule: RuleRef | undefined;
}

/** One rule set as a comparison sees it. */
type Meaning =
  | { readonly kind: "allow"; readonly rule: RuleRef | undefined }
  | { readonly kind: "deny" }
  | { readonly kind: "l7"; readonly parts: readonly Part[]; readonly protocol: string };

interface Part {
  readonly l7: L7Rules;
  readonly ref: (index: number) => RuleRef;
}

const NOWHERE = { file: "", line: 1, column: 1 };

/**
 * What changes when new policies take the place of old ones, each with a request that shows it. Complete for HTTP between
 * the endpoints given; without any, between workloads made from the selectors. Rules of other families are compared by
 * one request each.
 */
export function diff(
  before: readonly Policy[],
  after: readonly Policy[],
  world: World,
  options: Partial<PolicyOptions> = {},
): Change[] {
  return new Comparison(new Bench(before, world, options), new Bench(after, world, options), world).run();
}

class Comparison {
  private readonly identities = new Map<Bench, Map<string, Identity>>();
  private readonly rows = new Map<string, Change & { readonly peers: string[]; readonly ports: string[] }>();

  constructor(
    private readonly before: Bench,
    private readonly after: Bench,
    private readonly world: World,
  ) {}

  run(): Change[] {
    const policies = [...this.before.revision.policies, ...this.after.revision.policies];
    const { workloads, others } = partiesOf(policies, this.world);
    const transports = transportsOf(policies);
    const processes = processesOf(policies);
    for (const way of ["ingress", "egress"] as const)
      for (const endpoint of workloads) {
        const classes = this.classes(way, endpoint);
        for (const peer of [...workloads, ...others]) {
          if (peer === endpoint) continue;
          for (const transport of transports)
            for (const process of processes)
              for (const { first, text } of classes)
                this.compare(
                  way,
                  endpoint,
                  peer,
                  first,
                  transport === "TCP" ? text : `${text}/${transport}`,
                  {
                    transport,
                    ...(process === undefined ? {} : { process: { executable: process } }),
                  },
                );
        }
      }
    return [...this.rows.values()].map((row) => ({
      ...row,
      peers: [...new Set(row.peers)],
      ports: [...new Set(row.ports)],
    }));
  }

  private asked(
    bench: Bench,
    way: Way,
    endpoint: string,
    peer: string,
    port: number,
    traffic: Traffic,
  ): Asked {
    const parties = [this.identityOf(bench, endpoint), this.identityOf(bench, peer)] as const;
    const set = bench.revision[way](parties[0], port, parties[1], traffic);
    return { bench, way, parties, port, traffic, set };
  }

  private identityOf(bench: Bench, words: string): Identity {
    const known = this.identities.get(bench) ?? new Map<string, Identity>();
    this.identities.set(bench, known);
    let identity = known.get(words);
    if (identity === undefined) {
      ({ identity } = bench.population.party(words, bench.store.identities, bench.revision));
      known.set(words, identity);
    }
    return identity;
  }

  /** Ports that the rules of either side tell apart, each class by its first. */
  private classes(way: Way, endpoint: string): { first: number; text: string }[] {
    const starts = new Set([1]);
    for (const bench of [this.before, this.after]) {
      const info = bench.store.identities.info(this.identityOf(bench, endpoint));
      if (info) for (const start of bench.revision.of(way, info).ports) starts.add(start);
    }
    for (const { ports } of this.world.endpoints?.values() ?? [])
      for (const port of ports?.values() ?? []) starts.add(port).add(port + 1);
    const sorted = [...starts].filter((port) => port > 0 && port <= 65535).sort((a, b) => a - b);
    return sorted.map((first, i) => {
      const last = (sorted[i + 1] ?? 65536) - 1;
      return { first, text: first === last ? String(first) : `${first}-${last}` };
    });
  }

  private compare(
    way: Way,
    endpoint: string,
    peer: string,
    port: number,
    ports: string,
    traffic: Traffic,
  ): void {
    const [old, now] = [this.before, this.after].map((bench) =>
      this.asked(bench, way, endpoint, peer, port, traffic),
    );
    if (!old || !now || sameSet(old.set, now.set)) return;
    const [was, is] = [meaningOf(old), meaningOf(now)];
    for (const [kind, gained, from] of [
      ["newly allowed", is, was],
      ["newly denied", was, is],
    ] as const)
      for (const { request, rule } of gains(gained, from)) {
        const key = JSON.stringify([way, kind, endpoint, request, rule]);
        const row = this.rows.get(key);
        if (row) {
          row.peers.push(peer);
          row.ports.push(ports);
        } else this.rows.set(key, { kind, way, endpoint, peers: [peer], ports: [ports], request, rule });
      }
  }
}

/** A connection as one of the two sides judges it. */
interface Asked {
  readonly bench: Bench;
  readonly way: Way;
  readonly parties: readonly [endpoint: Identity, peer: Identity];
  readonly port: number;
  readonly traffic: Traffic;
  readonly set: RuleSet;
}

function sameSet(a: RuleSet, b: RuleSet): boolean {
  return a.kind === "l7" ? b.kind === "l7" && a.id === b.id : a.kind === b.kind;
}

function meaningOf({
  bench: { revision },
  way,
  parties: [endpoint, peer],
  port,
  traffic,
  set,
}: Asked): Meaning {
  const connection = revision.connection(way, endpoint, port, peer, traffic);
  if (set.kind === "deny" || !connection) return { kind: "deny" };
  if (set.kind === "allow")
    return { kind: "allow", rule: explain(revision, way, endpoint, port, peer, traffic).rules[0] };
  const parts = revision.of(way, connection.endpoint).rules.flatMap((active) => {
    if (active.deny) return [];
    const holding = new Set(standingOf(active, connection)?.l7 ?? []);
    return (active.rule.ports ?? []).flatMap(({ l7 }, entry) =>
      l7 && holding.has(l7) ? [{ l7, ref: (index: number) => refOf(active, entry, l7, index) }] : [],
    );
  });
  return { kind: "l7", parts, protocol: set.protocol };
}

interface Gain {
  readonly request: string | undefined;
  readonly rule: RuleRef | undefined;
}

/** What `now` allows and `old` does not. */
function gains(now: Meaning, old: Meaning): Gain[] {
  if (now.kind === "deny" || old.kind === "allow") return [];
  if (now.kind === "allow")
    return old.kind === "deny" ? [{ request: undefined, rule: now.rule }] : beyondAll(old, now.rule);
  const others = old.kind === "l7" && old.protocol === now.protocol ? old.parts.map(({ l7 }) => l7) : [];
  const same = new Set(others.flatMap(({ family, rules }) => rules.map((rule) => textOf(family, rule))));
  const http = httpRules(others);
  return now.parts.flatMap(({ l7, ref }) =>
    l7.rules.flatMap((rule, index) => {
      if (same.has(textOf(l7.family, rule))) return [];
      if (protocolOf(l7.family) !== "http") {
        const request = sampleOf(l7, index);
        return request && !allows(others, request)
          ? [{ request: requestText(request), rule: ref(index) }]
          : [];
      }
      const [own] = httpRules([{ ...l7, rules: [rule] } as L7Rules]);
      const found = own && beyond(own, http);
      if (!found || found.kind === "none") return [];
      const request =
        found.kind === "witness" ? requestText(found.request) : "(the patterns are too large to be compared)";
      return [{ request, rule: ref(index) }];
    }),
  );
}

/** A request that rules do not allow, where everything passes on the other side. */
function beyondAll(old: Extract<Meaning, { kind: "l7" }>, rule: RuleRef | undefined): Gain[] {
  const l7 = old.parts.map((part) => part.l7);
  if (old.protocol === "http") {
    const found = beyond(everything(NOWHERE), httpRules(l7));
    return found.kind === "witness" ? [{ request: requestText(found.request), rule }] : [];
  }
  const request = UNUSUAL.find((one) => one.family === old.protocol && !allows(l7, one));
  return request ? [{ request: requestText(request), rule }] : [];
}

function textOf(family: string, rule: object): string {
  return JSON.stringify([family, { ...rule, at: undefined }]);
}

function transportsOf(policies: readonly Policy[]): Exclude<Transport, "ANY">[] {
  const text = JSON.stringify(policies, (_key, value: unknown) =>
    typeof value === "bigint" ? String(value) : value,
  );
  return (["TCP", "UDP", "SCTP"] as const).filter(
    (one) => one === "TCP" || text.includes(`"transport":"${one}"`),
  );
}

function processesOf(policies: readonly Policy[]): (string | undefined)[] {
  const found = new Set<string | undefined>([undefined]);
  for (const policy of policies)
    for (const way of [policy.ingress, policy.egress])
      for (const { processes } of [...(way?.allow ?? []), ...(way?.deny ?? [])])
        for (const { executable } of processes ?? []) found.add(executable?.replaceAll("*", "x"));
  return [...found].slice(0, 16);
}
