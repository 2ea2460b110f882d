// SPDX-License-Identifier: Apache-2.0
// A small shop: an ordinary web service that knows nothing of sockmesh. Usage: node shop.mjs PORT [ADDRESS]
import { createServer } from "node:http";

const products = new Map([
  [1, { id: 1, name: "teapot", cents: 2450 }],
  [2, { id: 2, name: "cup", cents: 650 }],
  [3, { id: 3, name: "kettle", cents: 3900 }],
]);
const orders = [];

function answer(response, status, value) {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  response.writeHead(status, { "content-type": "application/json", "content-length": body.length }).end(body);
}

function order(request, response) {
  let text = "";
  request.setEncoding("utf8").on("data", (chunk) => (text += chunk));
  request.on("end", () => {
    const product = products.get(Number(text));
    if (!product) return answer(response, 422, { error: "no such product" });
    orders.push({ id: orders.length + 1, product: product.id });
    answer(response, 200, orders.at(-1));
  });
}

const server = createServer((request, response) => {
  const { method, url } = request;
  const product = /^\/products\/(\d+)$/.exec(url);
  if (method === "GET" && url === "/products") answer(response, 200, [...products.values()]);
  else if (method === "GET" && product)
    answer(
      response,
      products.has(+product[1]) ? 200 : 404,
      products.get(+product[1]) ?? { error: "no such product" },
    );
  else if (method === "POST" && url === "/orders") order(request, response);
  else if (method === "GET" && url === "/admin/orders") answer(response, 200, orders);
  else answer(response, 404, { error: "no such page" });
});

// The load generator keeps its connections for ever.
server.keepAliveTimeout = 0;
server.listen(Number(process.argv[2]), process.argv[3] ?? "127.0.0.1", () => {
  console.log(`the shop is open on port ${server.address().port}`);
});
process.once("SIGTERM", () => {
  server.close();
  server.closeIdleConnections();
});
