// SPDX-License-Identifier: Apache-2.0
// Makes the requests that it is given and prints one JSON line with the statuses of the answers.
// Usage: node client.mjs URL REQUESTS [LOCAL-ADDRESS]   REQUESTS is JSON: [{"method":"GET","path":"/products"}]
import { Client } from "undici";

const [url, requests, localAddress] = process.argv.slice(2);
const client = new Client(url, { localAddress });

const statuses = [];
for (const { method, path, headers, body } of JSON.parse(requests)) {
  const answer = await client.request({ method, path, headers, body: body || null });
  await answer.body.dump();
  statuses.push(answer.statusCode);
}
await client.close();
console.log(JSON.stringify(statuses));
