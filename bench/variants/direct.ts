// SPDX-License-Identifier: Apache-2.0
import { BASELINE, type Variant } from "../harness/runner.js";
import { verified } from "./policy.js";
import { startService } from "./service.js";
import { missing } from "./tools.js";

/** The service with nothing before it: what the ratios refer to. */
export const direct: Variant = verified(
  {
    name: BASELINE,
    unavailable: async () => missing("nginx"),
    async start() {
      const service = await startService();
      return {
        port: service.port,
        pids: [service.process.pid],
        clientPrefix: [],
        stop: () => service.stop(),
      };
    },
  },
  false,
);
