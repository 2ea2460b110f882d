// SPDX-License-Identifier: Apache-2.0
// Usage: node axios.mjs URL PLAN
import { Agent } from "node:http";
import axios from "axios";
import { run } from "./plan.mjs";

const httpAgent = new Agent({ keepAlive: true, maxSockets: 1 });
const client = axios.create({
  baseURL: process.argv[2],
  httpAgent,
  responseType: "arraybuffer",
  validateStatus: () => true,
});
await run(async (method, url, headers, data) => {
  const answer = await client.request({ method, url, headers, data });
  return [answer.status, Buffer.from(answer.data)];
});
httpAgent.destroy();
