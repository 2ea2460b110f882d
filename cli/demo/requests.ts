// SPDX-License-Identifier: Apache-2.0
import { start } from "../../bench/harness/process.js";
import { example, type Role, type Stage } from "./stage.js";

/** One request of the demo and what became of it. */
export interface RequestResult {
  readonly from: Role;
  readonly to: string;
  readonly request: string;
  /** Status that the policy makes expected. */
  readonly expected: number;
  readonly got: number;
}

interface Call {
  readonly from: Role;
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly expected: number;
}

const CUSTOMER = { "x-customer": "4711" };

/** What examples/http/policy.yaml says, request by request. */
const CALLS: readonly Call[] = [
  { from: "frontend", method: "GET", path: "/products", expected: 200 },
  { from: "frontend", method: "GET", path: "/products/2", expected: 200 },
  { from: "frontend", method: "POST", path: "/orders", headers: CUSTOMER, body: "2", expected: 200 },
  { from: "frontend", method: "POST", path: "/orders", body: "2", expected: 403 },
  { from: "frontend", method: "GET", path: "/admin/orders", expected: 403 },
  { from: "guest", method: "GET", path: "/products", expected: 200 },
  { from: "guest", method: "POST", path: "/orders", headers: CUSTOMER, body: "2", expected: 403 },
  { from: "guest", method: "DELETE", path: "/products/2", expected: 403 },
];

/** Makes every request of the demo, as the two clients. */
export async function tryRequests(stage: Stage): Promise<RequestResult[]> {
  const top = stage.agent.engine.level;
  const service = await stage.startService(top);
  try {
    const results: RequestResult[] = [];
    for (const role of ["frontend", "guest"] as const) {
      const calls = CALLS.filter((call) => call.from === role);
      const url = `http://127.0.0.1:${stage.port(top)}`;
      const from = stage.addressOf(role);
      const output = await start([
        ...stage.as(role),
        ...[process.execPath, example("client.mjs"), url, JSON.stringify(calls)],
        ...(from === undefined ? [] : [from]),
      ]).done();
      const statuses = JSON.parse(output.trim()) as number[];
      calls.forEach(({ method, path, headers, expected }, i) =>
        results.push({
          from: role,
          to: "shop",
          request: `${method} ${path}${headers ? " (with X-Customer)" : ""}`,
          expected,
          got: statuses[i] ?? 0,
        }),
      );
    }
    return results;
  } finally {
    await service.stop();
  }
}
