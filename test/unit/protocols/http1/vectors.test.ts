// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { DEFAULT_LIMITS } from "../../../../core/limits.js";
import { FAULTS } from "../../../../protocols/http1/faults.js";
import { http1 } from "../../../../protocols/http1/index.js";
import { REQUEST_VECTORS } from "../../../vectors/http1-requests.js";

test.each(REQUEST_VECTORS.map((vector) => [vector.why, vector] as const))("%s", (_why, vector) => {
  const heads: string[] = [];
  let fault: string | undefined;
  http1.requests(DEFAULT_LIMITS).push(Buffer.from(vector.raw, "latin1"), {
    head: (message) => heads.push(Buffer.from(message.bytes).toString("latin1")),
    body() {},
    end() {},
    fault: ({ reason, reply }) => {
      fault = reason;
      expect(Buffer.from(reply).toString()).toMatch(
        new RegExp(
          `^HTTP/1.1 ${FAULTS[reason as keyof typeof FAULTS]} .*\\r\\n(.*\\r\\n)*connection: close\\r\\n`,
        ),
      );
    },
  });
  expect({ fault, heads }).toEqual(
    vector.fault !== undefined
      ? { fault: vector.fault, heads: [] }
      : { fault: undefined, heads: [vector.forwarded === "same" ? vector.raw : vector.forwarded] },
  );
});
