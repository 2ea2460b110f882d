// SPDX-License-Identifier: Apache-2.0
import { SockmeshError } from "../../core/errors.js";
import { peersCover, portsMeet, selectorCovers } from "../compare/cover.js";
import type { IdentityInfo } from "../identity/registry.js";
import type { L7Rules, PortRule } from "../model.js";
import type { ResolvedPolicies } from "./revision.js";
import type { ActiveRule } from "./rules.js";
import { protocolOf } from "./sets.js";

/** An entry of `toPorts` that judges requests. */
export interface Judging {
  readonly active: ActiveRule;
  readonly index: number;
  readonly entry: PortRule;
  readonly l7: L7Rules;
}

/** Two entries of different protocols that meet on a port for some peer of some endpoint. */
export interface Conflict {
  readonly one: Judging;
  readonly other: Judging;
}

const MOST = 100;

/**
 * Entries that disagree about the protocol of a port: of each, the first other that it meets. Two entries meet when some
 * identity known now is an endpoint of both and some is a peer of both, or when their selectors alone tell.
 */
export function conflictsOf(revision: ResolvedPolicies, identities: Iterable<IdentityInfo>): Conflict[] {
  const judging = [...revision.rules()].flatMap(judgingOf);
  if (new Set(judging.map(({ l7 }) => protocolOf(l7.family))).size < 2) return [];
  const all = [...identities];
  const found: Conflict[] = [];
  // Most entries are for few ports: those that are for the same disagree with the same others.
  const disagreeing = new Map<string, readonly Judging[]>();
  for (const one of judging) {
    const key = JSON.stringify([
      one.active.way,
      protocolOf(one.l7.family),
      one.entry.ports.map(({ first, last, name, transport }) => [first, last, name, transport]),
    ]);
    let others = disagreeing.get(key);
    if (!others) disagreeing.set(key, (others = judging.filter((second) => disagree(one, second))));
    const other = others.find((second) => meet(revision, one.active, second.active, all));
    if (other) found.push({ one, other });
    if (found.length >= MOST) break;
  }
  return found;
}

/** Conflicts as errors, each with its place. */
export function conflictErrors(conflicts: readonly Conflict[]): SockmeshError[] {
  return conflicts.map(({ one, other }) => {
    const { file, line } = other.entry.at;
    const message = `${one.l7.family} rules meet ${other.l7.family} rules on one port for one peer, at ${file}:${line}`;
    const field = `${one.active.rule.path}.toPorts[${one.index}].${one.l7.field}`;
    return new SockmeshError("SM_POLICY_CONFLICT", message, { at: one.entry.at, field });
  });
}

function judgingOf(active: ActiveRule): Judging[] {
  return (active.rule.ports ?? []).flatMap((entry, index) =>
    entry.l7 && !active.soft ? [{ active, index, entry, l7: entry.l7 }] : [],
  );
}

function disagree(one: Judging, other: Judging): boolean {
  return (
    one.active.way === other.active.way &&
    protocolOf(one.l7.family) !== protocolOf(other.l7.family) &&
    portsMeet(one.entry.ports, other.entry.ports)
  );
}

function meet(
  revision: ResolvedPolicies,
  a: ActiveRule,
  b: ActiveRule,
  all: readonly IdentityInfo[],
): boolean {
  const [one, other] = [revision.subjectOf(a.policy), revision.subjectOf(b.policy)];
  const subjects =
    selectorCovers(a.policy.endpoints, b.policy.endpoints) ||
    selectorCovers(b.policy.endpoints, a.policy.endpoints) ||
    all.some(({ identity }) => one?.has(identity) && other?.has(identity));
  if (!subjects) return false;
  return (
    peersCover(a.rule.peers, b.rule.peers) ||
    peersCover(b.rule.peers, a.rule.peers) ||
    all.some((info) => a.peer.fits(info) && b.peer.fits(info))
  );
}
