// SPDX-License-Identifier: Apache-2.0
// A service whose answers tell which request they are for. Usage: node load-service.mjs PORT
// GET /items/NAME/BYTES is answered with the name, repeated up to that many bytes.
import { createServer } from "node:http";

const server = createServer((request, response) => {
  const [, name, bytes] = /^\/items\/(\w+)\/(\d+)$/.exec(request.url) ?? [];
  const body = name ? Buffer.alloc(Number(bytes), name) : Buffer.from("secret");
  response.writeHead(200, { "content-length": body.length }).end(body);
});
server.keepAliveTimeout = 0;
server.listen(Number(process.argv[2]), "127.0.0.1");
