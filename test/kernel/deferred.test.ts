// SPDX-License-Identifier: Apache-2.0
/** A listener with TCP_DEFER_ACCEPT has a socket only when the first bytes have come, over TCP: nothing is moved beside them. */
import { expect, test } from "@jest/globals";
import { freePort, launch, listens, policyFor, runs, TestAgent, until } from "../support/cli.js";

const SERVICE = `
import http.server, socket, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
class Server(http.server.ThreadingHTTPServer):
    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)
        super().server_bind()
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
`;

test.each(["shortcut", "splice"] as const)("%s: its connections are served, over TCP", async (level) => {
  const port = await freePort();
  const agent = await TestAgent.start(policyFor("service", port, ["client"], "{ method: PUT }"), { level });
  const service = launch(agent.exec("app=service", ["python3", "-c", SERVICE, String(port)]));
  try {
    await until("the service listens", () => listens(port));
    const body = "x".repeat(100_000);
    const put = ["-H", "Expect:", "-X", "PUT", "-d", body, `http://127.0.0.1:${port}/`];
    const { stdout, stderr } = await runs(
      agent.exec("app=client", ["curl", "-sS", "-m", "30", ...put, put.at(-1) ?? ""]),
    );
    expect([stdout === body + body, stderr]).toEqual([true, ""]);
    const { outcomes } = (await agent.status()).totals;
    expect(outcomes["off:no-peer"]).toBeGreaterThan(0);
    if (level === "splice") expect(outcomes["slow:strayed"]).toBeGreaterThan(0);
  } finally {
    service.child.kill("SIGKILL");
    await service.ended;
    await agent.stop();
  }
});
