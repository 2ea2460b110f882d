// SPDX-License-Identifier: Apache-2.0
// Makes the requests that it is given and prints one JSON line with the statuses of the answers.
// Usage: node client.mjs URL [LOCAL-ADDRESS] <<< '[{"method":"GET","path":"/products","headers":{},"body":""}]'
import { text } from "node:stream/consumers";
import { Client } from "undici";

const [url, localAddress] = process.argv.slice(2);
const requests = JSON.parse(await text(process.stdin));
const client = new Client(url, { localAddress });

const statuses = [];
for (const { method, path, headers, body } of requests) {
  const answer = await client.request({ method, path, headers, body: body || null });
  await answer.body.dump();
  statuses.push(answer.statusCode);
}
await client.close();
console.log(JSON.stringify(statuses));
