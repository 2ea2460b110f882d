// SPDX-License-Identifier: Apache-2.0
import type { Family } from "../../l7policy/families/model.js";
import { HTTP_ONLY, type Abilities } from "../../l7policy/resolve/enforce.js";
import { http1 } from "../../protocols/http1/index.js";
import { memcached } from "../../protocols/memcached/index.js";
import type { Protocol } from "../../protocols/protocol.js";

/** Protocols that the agent's sidecar inspects. */
export const PROTOCOLS: readonly Protocol[] = [http1, memcached];

/** What of a policy the agent can enforce; all else is refused before it is in force. */
export const ABILITIES: Abilities = {
  ...HTTP_ONLY,
  headerActions: true,
  portNames: true,
  processes: true,
  families: PROTOCOLS.map(({ name }) => name as Family),
};
