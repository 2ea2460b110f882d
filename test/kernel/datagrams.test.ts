// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { writeFileSync } from "node:fs";
import { freePort, launch, listens, runs, TestAgent, until } from "../support/cli.js";

/** Asks by a datagram for the version; prints the answer, or why there is none. */
const ASK = `
import socket, sys
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
peer.connect(("127.0.0.1", int(sys.argv[1])))
peer.settimeout(20)
try:
    peer.send(b"\\0\\1\\0\\0\\0\\1\\0\\0version\\r\\n")
    print(peer.recv(2000)[8:].decode().split()[0])
except ConnectionRefusedError:
    print("refused")
`;

const ask = async (port: number): Promise<string> =>
  (await runs(["python3", "-c", ASK, String(port)])).stdout.trim();

const policy = (port: number, more = ""): string => `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: cache }
spec:
  endpointSelector: { matchLabels: { app: cache } }
  ingress:
    - toPorts:
        - ports: [{ port: "${port}" }]
          rules: { memcached: [{ command: get }] }
${more}`;

test("datagrams for a memcached port of an endpoint are refused, unless a rule allows UDP by name", async () => {
  const port = await freePort();
  const agent = await TestAgent.start(policy(port));
  const flags = ["-l", "127.0.0.1", "-p", String(port), "-U", String(port), "-u", "nobody"];
  const cache = launch(agent.exec("app=cache", ["memcached", ...flags]));
  const enforce = async (text: string): Promise<void> => {
    const { revision } = (await agent.status()).policy;
    writeFileSync(agent.policies, text);
    await until("the policy is in force", async () => (await agent.status()).policy.revision > revision);
  };
  try {
    await until("memcached listens", () => listens(port));
    expect(await ask(port)).toBe("refused");
    const udp = `    - toPorts: [{ ports: [{ port: "${port}", protocol: UDP }] }]\n`;
    await enforce(policy(port, udp));
    expect(await ask(port)).toBe("VERSION");
    await enforce(policy(port));
    expect(await ask(port)).toBe("refused");
  } finally {
    cache.child.kill();
    await cache.ended;
    await agent.stop();
  }
});
