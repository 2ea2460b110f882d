// SPDX-License-Identifier: Apache-2.0
import type { Direction, DirectionRule, Policy, Selector, Way } from "../model.js";
import { object, optional, refused, required, type Complain } from "../shape/object.js";
import { anything, flag, list, text, type Read } from "../shape/shape.js";
import { egressDenyRule, egressRule, ingressDenyRule, ingressRule } from "./rules.js";
import { subjectSelector } from "./selector.js";

const SPEC = {
  // First: what is read behind it depends on it.
  endpointSelector: required(
    subjectSelector,
    "Workloads that the policy is for. {} is all of the namespace.",
  ),
  nodeSelector: refused("host policies are not for sidecars"),
  ingress: optional(list(ingressRule), "What the workloads may receive."),
  ingressDeny: optional(list(ingressDenyRule), "What they must not receive, whatever allows it."),
  egress: optional(list(egressRule), "What the workloads may send."),
  egressDeny: optional(list(egressDenyRule), "What they must not send, whatever allows it."),
  enableDefaultDeny: optional(
    object({
      ingress: optional(flag, "Default: true when there are ingress rules."),
      egress: optional(flag, "Default: true when there are egress rules."),
    }),
    "Whether what no rule allows is denied.",
  ),
  log: optional(
    object({
      value: required(
        text({ pattern: /^[ -~]{1,32}$/, says: "must be 1 to 32 printable characters" }),
        "Text for the records of what the policy allows.",
      ),
    }),
    "What is put on record.",
  ),
  description: optional(text(), "For people."),
  labels: optional(anything, "For people and tools."),
};

/** One `spec`. */
export const spec = object(SPEC, checkSpec, "A policy for some workloads.");
type Spec = Read<typeof spec>;

function checkSpec(
  value: Partial<Record<Way | `${Way}Deny`, readonly DirectionRule[] | undefined>>,
  complain: Complain,
): void {
  const fields = ["ingress", "ingressDeny", "egress", "egressDeny"] as const;
  if (!fields.some((field) => (value[field] ?? []).length > 0))
    complain("", "has no rule in ingress, egress, ingressDeny or egressDeny; to deny by default write [{}]");
  for (const field of fields)
    if (value[field]?.length === 0)
      complain(
        field,
        "an empty list neither allows nor denies; to deny by default write [{}], else leave it out",
      );
}

function direction(value: Spec, way: Way): Direction | undefined {
  const allow = value[way] ?? [];
  const deny = value[`${way}Deny`] ?? [];
  const any = allow.length > 0 || deny.length > 0;
  const defaultDeny = value.enableDefaultDeny?.[way] ?? any;
  return any || defaultDeny ? { allow, deny, defaultDeny } : undefined;
}

/** A policy of what a spec says. */
export function policyOf(
  value: Spec,
  kind: Policy["kind"],
  name: string,
  namespace: string | undefined,
): Policy {
  const endpoints: Selector = value.endpointSelector;
  return {
    kind,
    name,
    namespace,
    at: value.at,
    endpoints,
    log: value.log?.value,
    ingress: direction(value, "ingress"),
    egress: direction(value, "egress"),
  };
}
