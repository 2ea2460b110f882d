// SPDX-License-Identifier: Apache-2.0
// Relays TCP between a port and another. Usage: node relay.js PORT SERVICE-PORT
import { connect, createServer } from "node:net";

const [port, service] = process.argv.slice(2).map(Number);

createServer({ noDelay: true }, (client) => {
  const behind = connect({ port: service ?? 0, host: "127.0.0.1", noDelay: true });
  client.pipe(behind);
  behind.pipe(client);
  for (const [one, other] of [
    [client, behind],
    [behind, client],
  ] as const)
    one.on("error", () => other.destroy()).on("close", () => other.destroy());
}).listen(port, "127.0.0.1");
