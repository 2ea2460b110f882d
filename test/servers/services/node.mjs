// SPDX-License-Identifier: Apache-2.0
// The service of traffic.ts with node:http, as one writes it. Usage: node node.mjs PORT
import { createServer } from "node:http";

const text = (size) => "0123456789".repeat(Math.ceil(size / 10)).slice(0, size);

createServer(async (request, response) => {
  const [, place, size] = request.url.split("/");
  let got = 0;
  for await (const part of request) got += part.length;
  if (place === "items") response.end(text(Number(size)));
  else if (place === "orders") response.end(`ordered ${got}\n`);
  else if (place === "streamed") {
    const body = text(Number(size));
    for (let at = 0; at < 3; at++)
      response.write(
        body.slice(Math.floor((at * body.length) / 3), Math.floor(((at + 1) * body.length) / 3)),
      );
    response.end();
  } else response.writeHead(404).end();
}).listen(Number(process.argv[2]), "127.0.0.1");
