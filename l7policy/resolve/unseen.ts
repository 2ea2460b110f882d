// SPDX-License-Identifier: Apache-2.0
import type { SourcePosition } from "../../core/errors.js";
import type { DirectionRule, Policy } from "../model.js";

/** A part of a rule that is about traffic which no sidecar sees. */
export interface Unseen {
  readonly at: SourcePosition;
  readonly message: string;
}

/**
 * What of some policies is not enforced because the sidecar judges TCP. Rules that deny nothing else than such traffic are
 * refused, see `enforceable`.
 */
export function unseen(policies: readonly Policy[]): Unseen[] {
  return policies.flatMap(({ ingress, egress }) =>
    [ingress, egress].flatMap((direction) => [
      ...(direction?.allow ?? []).flatMap(unseenAllow),
      ...(direction?.deny ?? []).flatMap(unseenDeny),
    ]),
  );
}

/** Ports of a rule that allows what passes in any case. */
export function unseenAllow({ ports }: DirectionRule): Unseen[] {
  return (ports ?? []).flatMap((entry) =>
    entry.ports
      .filter(({ transport }) => transport === "UDP" || transport === "SCTP")
      .map(({ at, transport }) => ({
        at,
        message: `${transport} passes in any case: the sidecar judges TCP`,
      })),
  );
}

/** Ports of a deny rule, or the rule, of which only the part that is TCP is denied. */
export function unseenDeny({ at, ports }: DirectionRule): Unseen[] {
  const message = "only TCP of it is denied: the sidecar judges TCP";
  if (!ports) return [{ at, message }];
  return ports.flatMap((entry) =>
    entry.ports.filter(({ transport }) => transport === "ANY").map((port) => ({ at: port.at, message })),
  );
}
