// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { freePort, launch, policyFor, TestAgent, until } from "../support/cli.js";

/** Waits for a request and the client's FIN, then, at SIGUSR1, answers with 40,000 bytes in small sends and closes. */
const SERVICE = `
import signal, socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listens", flush=True)
peer, _ = listener.accept()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
while peer.recv(1000): pass
print("ended", flush=True)
signal.sigwait([signal.SIGUSR1])
answer = b"HTTP/1.1 200 OK\\r\\nContent-Length: 40000\\r\\n\\r\\n" + b"x" * 40000
for at in range(0, len(answer), 8000): peer.sendall(answer[at:at + 8000])
peer.close()
print("answered", flush=True)
`;

/** Sends a request and FIN, and prints how much body it gets. */
const CLIENT = `
import select, socket, sys
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
peer.send(b"GET /x HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
peer.shutdown(socket.SHUT_WR)
peer.setblocking(False)
got = b""
while True:
    select.select([peer], [], [])
    piece = peer.recv(65536)
    if not piece: break
    got += piece
print(len(got.partition(b"\\r\\n\\r\\n")[2]))
`;

test("both sides end while the sidecar is busy: bytes of TCP behind bytes that the kernel moved are not lost", async () => {
  const port = await freePort();
  const policy = policyFor("service", port, ["client"], "{ method: GET }");
  // The first sends of the answer fit into the credit, the last do not.
  const agent = await TestAgent.start(policy, { creditBytes: 32_768, level: "shortcut" });
  const service = launch(agent.exec("app=service", ["python3", "-c", SERVICE, String(port)]));
  const programs = [service];
  try {
    let said = "";
    service.child.stdout?.on("data", (text: string) => (said += text));
    const says = (word: string): Promise<void> =>
      until(`the service says ${word}`, () => said.includes(word));
    await says("listens");
    const client = launch(agent.exec("app=client", ["python3", "-c", CLIENT, String(port)]));
    programs.push(client);
    await says("ended");
    agent.program.child.kill("SIGSTOP");
    service.child.kill("SIGUSR1");
    await says("answered");
    agent.program.child.kill("SIGCONT");
    expect((await client.ended).stdout).toBe("40000\n");
    const { outcomes } = (await agent.status()).totals;
    expect(outcomes.fast).toBeGreaterThan(0);
    expect(outcomes["slow:credit"]).toBeGreaterThan(0);
  } finally {
    agent.program.child.kill("SIGCONT");
    for (const { child } of programs) child.kill("SIGKILL");
    await Promise.all(programs.map(({ ended }) => ended));
    await agent.stop();
  }
});
