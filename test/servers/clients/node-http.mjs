// SPDX-License-Identifier: Apache-2.0
// Usage: node node-http.mjs URL PLAN
import { Agent, request as ask } from "node:http";
import { run } from "./plan.mjs";

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
await run(
  (method, path, headers, body) =>
    new Promise((done, fail) => {
      const request = ask(process.argv[2] + path, { method, headers, agent }, (answer) => {
        const parts = [];
        answer.on("data", (part) => parts.push(part)).once("error", fail);
        answer.once("end", () => done([answer.statusCode, Buffer.concat(parts)]));
      });
      request.once("error", fail).end(body);
    }),
);
agent.destroy();
