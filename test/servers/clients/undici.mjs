// SPDX-License-Identifier: Apache-2.0
// Usage: node undici.mjs URL PLAN
import { Agent } from "undici";
import { run } from "./plan.mjs";

const agent = new Agent({ connections: 1 });
await run(async (method, path, headers, body) => {
  const answer = await agent.request({ origin: process.argv[2], method, path, headers, body });
  return [answer.statusCode, Buffer.from(await answer.body.arrayBuffer())];
});
await agent.close();
