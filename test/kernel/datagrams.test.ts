// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { freePort, launch, listens, runs, says, TestAgent, until } from "../support/cli.js";

/** What makes a socket for an address, and where that is. */
const PEER = `
import signal, socket, sys
def peer_of(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    peer = socket.socket(family, socket.SOCK_DGRAM)
    peer.settimeout(20)
    return peer, (address, int(port))
`;

/** Asks by a datagram for the version; prints the answer, or why there is none. */
const ASK = `${PEER}
peer, to = peer_of(*sys.argv[1:3])
if "briefly" in sys.argv:
    peer.settimeout(2)
try:
    peer.connect(to)
    peer.send(b"\\0\\1\\0\\0\\0\\1\\0\\0version\\r\\n")
    print(peer.recv(2000)[8:].decode().split()[0])
except ConnectionRefusedError:
    print("refused")
except TimeoutError:
    print("silence")
`;

/** Asks all who listen on the network of the loopback; an answer comes from another address than was asked. */
const ASK_ALL = `${PEER}
peer, to = peer_of("127.255.255.255", sys.argv[1])
peer.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
peer.settimeout(2)
for i in range(10 if sys.argv[2] == "wait" else 1):
    peer.sendto(b"\\0\\1\\0\\0\\0\\1\\0\\0version\\r\\n", to)
    try:
        print(peer.recv(2000)[8:].decode().split()[0])
        break
    except TimeoutError:
        pass
else:
    print("silence")
`;

/** Asks as clients do, one way after the other; prints what comes back. */
const CLIENT = `${PEER}
_, address, port, number = sys.argv
def ask(how):
    peer, to = peer_of(address, port)
    if how != "sends":
        peer.bind((address, int(number) if "by number" in how else 0))
    if "connects" in how:
        peer.connect(to)
        peer.send(how.encode())
    else:
        peer.sendto(how.encode(), to)
    if how == "binds by number":
        peer.settimeout(1)
    try:
        print(peer.recv(2000).decode())
    except TimeoutError:
        print("silence")
for how in ["connects", "sends", "binds", "binds, connects", "binds by number, connects", "binds by number"]:
    ask(how)
`;

/** Two sockets at one port; the first is closed, then, when told so, the second. */
const TWO = `${PEER}
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
def server():
    peer, at = peer_of(*sys.argv[1:])
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    peer.bind(at)
    return peer
first, second = server(), server()
first.close()
print("one", flush=True)
signal.sigwait([signal.SIGUSR1])
second.close()
print("none", flush=True)
signal.sigwait([signal.SIGUSR1])
`;

const python = async (script: string, ...args: (string | number)[]): Promise<string> =>
  (await runs(["python3", "-c", script, ...args.map(String)])).stdout.trim();

/** Whether a datagram socket is bound to a port, in the network namespace of a process. */
function bound(port: number, pid: number | "self" = "self"): boolean {
  const at = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
  return ["udp", "udp6"].some((file) => readFileSync(`/proc/${pid}/net/${file}`, "latin1").includes(at));
}

/** Sends back what comes, as a service that is no endpoint. */
async function echo(address: string, port = 0): Promise<Socket> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (bytes, { port: back, address: from }) => socket.send(bytes, back, from));
  socket.bind(port, address);
  await once(socket, "listening");
  return socket;
}

const policy = (ports: string, more = ""): string => `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: cache }
spec:
  endpointSelector: { matchLabels: { app: cache } }
  ingress:
    - toPorts:
        - ports: [{ ${ports} }]
          rules: { memcached: [{ command: get }] }
${more}`;

/** A rule that allows UDP by name. */
const opened = (port: number): string => `    - toPorts: [{ ports: [{ port: "${port}", protocol: UDP }] }]\n`;

/** Puts a policy in force. */
async function enforce(agent: TestAgent, text: string): Promise<void> {
  const { revision } = (await agent.status()).policy;
  writeFileSync(agent.policies, text);
  await until("the policy is in force", async () => (await agent.status()).policy.revision > revision);
}

test.each([
  ["beside TCP", true, "127.0.0.1", "127.0.0.1"],
  ["alone", false, "127.0.0.1", "127.0.0.1"],
  ["alone, at every address", false, "0.0.0.0", "127.0.0.1"],
  ["alone, over IPv6", false, "::1", "::1"],
  ["alone, at every address of IPv6", false, "::", "::1"],
])(
  "datagrams for memcached are refused, unless a rule allows UDP by name: %s",
  async (_, tcp, address, to) => {
    const port = await freePort();
    const closed = policy(`port: "${port}"`);
    const agent = await TestAgent.start(closed);
    const flags = ["-l", address, "-p", String(tcp ? port : 0), "-U", String(port), "-u", "nobody"];
    const cache = launch(agent.exec("app=cache", ["memcached", ...flags]));
    try {
      await until("memcached listens", () => (tcp ? listens(port) : bound(port)));
      expect(await python(ASK, to, port)).toBe("refused");
      if (address === "0.0.0.0") expect(await python(ASK_ALL, port, "once")).toBe("silence");
      await enforce(agent, policy(`port: "${port}"`, opened(port)));
      expect(await python(ASK, to, port)).toBe("VERSION");
      if (address === "0.0.0.0") expect(await python(ASK_ALL, port, "wait")).toBe("VERSION");
      await enforce(agent, closed);
      expect(await python(ASK, to, port)).toBe("refused");
    } finally {
      cache.child.kill();
      await cache.ended;
      await agent.stop();
    }
  },
);

test("in another network namespace they are dropped", async () => {
  const port = 11211;
  const closed = policy(`port: "${port}"`);
  const agent = await TestAgent.start(closed);
  const inside = `ip link set lo up && exec memcached -l 127.0.0.1 -p 0 -U ${port} -u nobody`;
  const cache = launch(agent.exec("app=cache", ["unshare", "--net", "sh", "-c", inside]));
  const ask = async (...more: string[]): Promise<string> => {
    const there = ["nsenter", "-t", String(cache.child.pid), "--net"];
    const { stdout } = await runs([...there, "python3", "-c", ASK, "127.0.0.1", String(port), ...more]);
    return stdout.trim();
  };
  try {
    await until("memcached listens", () => bound(port, cache.child.pid));
    expect(await ask("briefly")).toBe("silence");
    await enforce(agent, policy(`port: "${port}"`, opened(port)));
    expect(await ask()).toBe("VERSION");
  } finally {
    cache.child.kill();
    await cache.ended;
    await agent.stop();
  }
});

test.each(["127.0.0.1", "::1"])("what an endpoint asks others is answered at %s", async (address) => {
  const agent = await TestAgent.start(policy("port: '1', endPort: 65535"));
  const service = await echo(address);
  try {
    const command = ["python3", "-c", CLIENT, address, service.address().port, await freePort()].map(String);
    const { stdout, stderr } = await launch(agent.exec("app=cache", command)).ended;
    expect({ said: stdout.trim().split("\n"), stderr }).toEqual({
      said: [
        ...["connects", "sends", "binds", "binds, connects", "binds by number, connects"],
        "silence", // what a server does
      ],
      stderr: "",
    });
  } finally {
    service.close();
    await agent.stop();
  }
});

test("a port is closed until the last socket there is", async () => {
  const port = await freePort();
  const agent = await TestAgent.start(policy(`port: "${port}"`));
  const servers = launch(agent.exec("app=cache", ["python3", "-c", TWO, "127.0.0.1", String(port)]));
  try {
    await says(servers, "one");
    expect(await python(ASK, "127.0.0.1", port)).toBe("refused");
    servers.child.kill("SIGUSR1");
    await until("the second is closed", () => !bound(port));
    const other = await echo("127.0.0.1", port);
    const said = await python(ASK, "127.0.0.1", port);
    other.close();
    expect(said).toBe("version");
  } finally {
    servers.child.kill();
    await servers.ended;
    await agent.stop();
  }
});
