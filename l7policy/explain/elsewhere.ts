// SPDX-License-Identifier: Apache-2.0
import { NAMESPACE_LABEL } from "../identity/labels.js";
import type { Identity } from "../policy.js";
import type { ResolvedPolicies } from "../resolve/revision.js";

/**
 * Other namespaces whose policies would be for a workload if it were there: whoever gives labels and no namespace means
 * `default`, perhaps without knowing.
 */
export function selectedElsewhere(revision: ResolvedPolicies, identity: Identity): readonly string[] {
  const info = revision.infoOf(identity);
  if (!info) return [];
  const own = info.labels.get(`any:${NAMESPACE_LABEL}`) ?? [];
  const found = revision.policies.flatMap(({ namespace, endpoints }) => {
    if (namespace === undefined || own.includes(namespace)) return [];
    const fits = endpoints.requirements
      .filter(({ key }) => !key.endsWith(`:${NAMESPACE_LABEL}`))
      .every((one) => info.labels.meets(one));
    return fits ? [namespace] : [];
  });
  return [...new Set(found)].sort();
}
