// SPDX-License-Identifier: Apache-2.0
import { progressOf } from "../families/conditions.js";
import { togetherAllow } from "../families/together.js";
import type { HeaderAction } from "../families/model.js";
import type { L7Request } from "../families/requests.js";
import { httpFields } from "../families/spans.js";
import { RESERVED } from "../identity/reserved.js";
import type { Way } from "../model.js";
import type { Identity, RuleSet, Traffic } from "../policy.js";
import { denies, standingOf } from "../resolve/endpoint-policy.js";
import type { ResolvedPolicies } from "../resolve/revision.js";
import { portFits, processFits, type ActiveRule, type Connection } from "../resolve/rules.js";
import { protocolOf } from "../resolve/sets.js";
import { identityText, peersText, portsText, processesText, refOf, type RuleRef } from "./describe.js";
import { kernelOf, type KernelAnswer } from "./kernel.js";

/** Why a verdict is what it is. */
export type Because =
  | "mode-never"
  | "unknown-endpoint"
  | "not-selected"
  | "no-default-deny"
  | "localhost"
  | "denied-by-rule"
  | "allowed-by-rule"
  | "allowed-by-rules-together"
  | "no-rule-allows"
  | "families-disagree"
  | "other-protocol"
  | "requests-are-judged";

/** A rule that does not allow a request, and why not. */
export interface Near {
  readonly rule: RuleRef;
  readonly failed: string;
}

/** What policy says of a connection, or a request on it, in one direction. */
export interface Explanation {
  readonly way: Way;
  /** `judged`: the connection passes and each request is judged; no request was given. */
  readonly verdict: "allow" | "deny" | "judged";
  readonly because: Because;
  /** The rules that decided: those that allow it, or the first that denies it. */
  readonly rules: readonly RuleRef[];
  /** Rules that do not allow what is denied, the nearest first. */
  readonly nearest: readonly Near[];
  /** What is done to the headers of a request that is allowed. */
  readonly effects: readonly HeaderAction[];
  /** `log.value` of the policies concerned. */
  readonly log: readonly string[];
  /** Requests on the connection are judged. */
  readonly inspected: boolean;
  /** Whether the kernel may judge requests on this connection. */
  readonly kernel: KernelAnswer;
}

const MOST_NEAREST = 5;

/** Explains one direction of a connection, and of a request on it when one is given. */
export function explain(
  revision: ResolvedPolicies,
  way: Way,
  endpoint: Identity,
  port: number,
  peer: Identity,
  traffic: Traffic = {},
  request?: L7Request,
): Explanation {
  const set = revision[way](endpoint, port, peer, traffic);
  const connection = revision.connection(way, endpoint, port, peer, traffic);
  const log = revision.logOf(way, endpoint, port, peer, traffic);
  const effects = effectsOf(set, request);
  const found = decide(revision, way, connection, request);
  const { verdict, because, rules = [], nearest = [] } = found;
  return {
    way,
    verdict,
    because,
    rules,
    nearest: nearest.slice(0, MOST_NEAREST),
    effects: verdict === "allow" ? effects : [],
    log,
    inspected: set.kind === "l7",
    // Only who asks waits until the table is compiled.
    get kernel() {
      return kernelOf(set);
    },
  };
}

interface Decision {
  readonly verdict: Explanation["verdict"];
  readonly because: Because;
  readonly rules?: readonly RuleRef[];
  readonly nearest?: readonly Near[];
}

function decide(
  revision: ResolvedPolicies,
  way: Way,
  connection: Connection | undefined,
  request: L7Request | undefined,
): Decision {
  const { mode, allowLocalhost } = revision.options;
  if (mode === "never") return { verdict: "allow", because: "mode-never" };
  if (!connection) return { verdict: "deny", because: "unknown-endpoint" };
  const { rules, defaultDeny } = revision.of(way, connection.endpoint);
  const denying = rules.find((rule) => rule.deny && denies(rule, connection));
  if (denying) return { verdict: "deny", because: "denied-by-rule", rules: [refOf(denying)] };
  if (allowLocalhost && way === "ingress" && connection.peer.identity === RESERVED.host)
    return { verdict: "allow", because: "localhost" };
  if (!defaultDeny)
    return { verdict: "allow", because: rules.length === 0 ? "not-selected" : "no-default-deny" };
  const allow = rules.filter((rule) => !rule.deny);
  const open = allow.filter((rule) => standingOf(rule, connection)?.open);
  if (open.length > 0)
    return { verdict: "allow", because: "allowed-by-rule", rules: open.map((rule) => refOf(rule)) };
  const judging = allow.flatMap((rule) => standingOf(rule, connection)?.l7 ?? []);
  const nearest = allow.flatMap((rule) => nearOf(rule, connection, request));
  const sorted = nearest.sort((a, b) => b.rank - a.rank).map(({ rule, failed }) => ({ rule, failed }));
  if (judging.length === 0) return { verdict: "deny", because: "no-rule-allows", nearest: sorted };
  if (new Set(judging.map(({ family }) => protocolOf(family))).size > 1)
    return {
      verdict: "deny",
      because: "families-disagree",
      rules: allow.flatMap((rule) => entriesOf(rule, connection)),
    };
  if (!request)
    return {
      verdict: "judged",
      because: "requests-are-judged",
      rules: allow.flatMap((rule) => entriesOf(rule, connection)),
    };
  if (judging.some(({ family }) => protocolOf(family) !== request.family))
    return { verdict: "deny", because: "other-protocol", nearest: sorted };
  const met = allow.flatMap((rule) => metBy(rule, connection, request));
  if (met.length > 0) return { verdict: "allow", because: "allowed-by-rule", rules: met };
  if (togetherAllow(judging, request))
    return {
      verdict: "allow",
      because: "allowed-by-rules-together",
      rules: allow.flatMap((rule) => entriesOf(rule, connection)),
    };
  return { verdict: "deny", because: "no-rule-allows", nearest: sorted };
}

/** Entries of `toPorts` that a connection meets. */
function entriesOf(active: ActiveRule, connection: Connection): RuleRef[] {
  if (!standingOf(active, connection)) return [];
  return (active.rule.ports ?? []).flatMap((entry, i) =>
    portFits(entry, connection) ? [refOf(active, i)] : [],
  );
}

/** L7 rules that a request fulfils. */
function metBy(active: ActiveRule, connection: Connection, request: L7Request): RuleRef[] {
  if (!standingOf(active, connection)) return [];
  return (active.rule.ports ?? []).flatMap((entry, i) => {
    const { l7 } = entry;
    if (!l7 || !portFits(entry, connection)) return [];
    return l7.rules.flatMap((_, n) => {
      const progress = progressOf(l7, n, request);
      return progress && progress.failed === undefined ? [refOf(active, i, l7, n)] : [];
    });
  });
}

/** Why a rule allows nothing of this, each of its L7 rules apart; nearer ones have a higher rank. */
function nearOf(
  active: ActiveRule,
  connection: Connection,
  request: L7Request | undefined,
): (Near & { readonly rank: number })[] {
  const { rule } = active;
  const { peer, process, port, transport } = connection;
  const fail = (rank: number, failed: string) => [{ rank, failed, rule: refOf(active) }];
  if (!active.peer.fits(peer)) {
    const onPort = !rule.ports || rule.ports.some((entry) => portFits(entry, connection));
    return fail(onPort ? 1 : 0, `peer: ${identityText(peer)} is not ${peersText(rule.peers)}`);
  }
  if (!processFits(active, process))
    return fail(2, `process: ${process?.executable ?? "unknown"} is not ${processesText(rule)}`);
  if (rule.ports && !rule.ports.some((entry) => portFits(entry, connection)))
    return fail(3, `port: ${port}/${transport} is not ${portsText(rule)}`);
  return (rule.ports ?? []).flatMap((entry, i) => {
    const { l7 } = entry;
    if (!l7 || !portFits(entry, connection)) return [];
    if (l7.rules.length === 0)
      return [{ rank: 4, failed: "the list of rules is empty", rule: refOf(active, i) }];
    return l7.rules.flatMap((_, n) => {
      const progress = request && progressOf(l7, n, request);
      if (progress?.failed !== undefined)
        return [
          {
            rank: 4 + progress.met / (progress.of + 1),
            failed: progress.failed,
            rule: refOf(active, i, l7, n),
          },
        ];
      if (request && !progress)
        return [
          {
            rank: 4,
            failed: `protocol: ${request.family} is not ${l7.family}`,
            rule: refOf(active, i, l7, n),
          },
        ];
      return [];
    });
  });
}

function effectsOf(set: RuleSet, request: L7Request | undefined): readonly HeaderAction[] {
  if (set.kind !== "l7" || !set.effects || request?.family !== "http") return [];
  return set.effects(httpFields(request));
}
