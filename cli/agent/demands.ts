// SPDX-License-Identifier: Apache-2.0
import type { Identity } from "../../l7policy/policy.js";
import { closedToDatagrams } from "../../l7policy/resolve/datagrams.js";
import type { Config } from "../config.js";
import type { EndpointParts } from "./endpoints.js";
import type { Enforcement } from "./enforcement.js";

/** What the policy in force asks of the kernel for an endpoint; asked anew each time, as another may be in force by then. */
export type Demands = Pick<
  EndpointParts,
  "closedToDatagrams" | "portsUnknown" | "restrictsEgress" | "namesProcesses" | "revision"
>;

/** The demands of whatever policy `enforcement` has. What is not to be denied closes no port. */
export function demandsOf(enforcement: Enforcement, { audit, enforcement: mode }: Config): Demands {
  const enforced = !audit && mode !== "never";
  return {
    closedToDatagrams(identity: Identity) {
      const { policy } = enforcement;
      const info = policy.infoOf(identity);
      return info && enforced ? closedToDatagrams(policy, info) : [];
    },
    portsUnknown(identity: Identity) {
      const { policy } = enforcement;
      const info = policy.infoOf(identity);
      return info ? policy.portsUnknown(info) : [];
    },
    restrictsEgress: (identity) => enforcement.policy.restrictsEgress(identity),
    namesProcesses: () => enforcement.policy.namesProcesses,
    revision: () => enforcement.policy.revision,
  };
}
