// SPDX-License-Identifier: Apache-2.0
import type { Layer } from "../layer.js";
import { denial, termsOf } from "../parties.js";

/** Looks up the rule sets of these two parties and takes the parser that they name. */
export const protocol: Layer = {
  name: "protocol",
  open(connection) {
    const { policy, protocols, log } = connection.context;
    connection.terms = termsOf(policy, connection.parties);
    if (connection.terms.kind !== "l7") return undefined;
    connection.protocol = protocols.get(connection.terms.protocol);
    if (connection.protocol) return undefined;
    log.error(
      { protocol: connection.terms.protocol },
      "a rule names a protocol that this sidecar cannot inspect",
    );
    connection.terms = denial(policy);
    return undefined;
  },
};
