// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  freePort,
  kernelEngine,
  launch,
  listens,
  policyFor,
  runs,
  TestAgent,
  until,
  type Program,
} from "../../support/cli.js";

const kernel = await kernelEngine();
const PYTHON = `
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
for method, path in [("GET", "/items/100"), ("GET", "/items/100"), ("DELETE", "/items/100"), ("GET", "/items/100")]:
    connection.request(method, path)
    answer = connection.getresponse()
    print(answer.status, len(answer.read()))
`;

/** Real clients against nginx, all unmodified, all as endpoints; nobody knows of sockmesh. */
(kernel ? describe : describe.skip)("unmodified programs through exec", () => {
  let agent: TestAgent;
  let service: Program;
  let port: number;
  let url: string;

  beforeAll(async () => {
    port = await freePort();
    url = `http://127.0.0.1:${port}`;
    agent = await TestAgent.start(
      policyFor("web", port, ["client"], '{ method: GET, path: "/items/[0-9]+" }'),
    );
    const { folder } = agent;
    mkdirSync(join(folder, "items"));
    writeFileSync(join(folder, "items", "100"), "x".repeat(100));
    writeFileSync(join(folder, "items", "1000000"), "y".repeat(1_000_000));
    writeFileSync(
      join(folder, "nginx.conf"),
      `daemon off; worker_processes 1; pid ${folder}/pid; user root; error_log stderr;
       events {} http { access_log off; keepalive_requests 1000000;
         client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b; fastcgi_temp_path ${folder}/c;
         uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
         server { listen 127.0.0.1:${port}; root ${folder}; } }`,
    );
    service = launch(agent.exec("app=web", ["nginx", "-e", "stderr", "-c", join(folder, "nginx.conf")]));
    await until("nginx listens", () => listens(port));
  });

  afterAll(async () => {
    service.child.kill("SIGTERM");
    await service.ended;
    const { code, stderr } = await agent.stop();
    expect({ code, errors: stderr.match(/"level":50.*/g) }).toEqual({ code: 0, errors: null });
  });

  const client = (command: readonly string[]): ReturnType<typeof runs> =>
    runs(agent.exec("app=client", command));

  test.each([100, 3_000, 300_000, 5_000_000])(
    "curl, %i bytes to nginx, at the default level",
    async (bytes) => {
      const to = await freePort();
      const policy = policyFor("web", to, ["client"], "{ method: PUT }");
      const own = await TestAgent.start(policy, { level: undefined });
      const { folder } = own;
      writeFileSync(join(folder, "body"), Buffer.alloc(bytes, "body "));
      writeFileSync(
        join(folder, "nginx.conf"),
        `daemon off; worker_processes 1; pid ${folder}/pid; user root; error_log stderr;
       events {} http { access_log off; client_body_temp_path ${folder}/a;
         server { listen 127.0.0.1:${to}; root ${folder}/put; client_max_body_size 0;
           location / { dav_methods PUT; create_full_put_path on; } } }`,
      );
      const nginx = ["nginx", "-e", "stderr", "-c", join(folder, "nginx.conf")];
      const receiver = launch(own.exec("app=web", nginx));
      try {
        await until("nginx listens", () => listens(to));
        const put = ["curl", "-sS", "-T", join(folder, "body"), `http://127.0.0.1:${to}/got`];
        const { code, stderr } = await runs(own.exec("app=client", put));
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        expect(readFileSync(join(folder, "put", "got")).equals(readFileSync(join(folder, "body")))).toBe(
          true,
        );
      } finally {
        receiver.child.kill("SIGTERM");
        await receiver.ended;
        await own.stop();
      }
    },
  );

  test("curl", async () => {
    const big = await client(["curl", "-sS", `${url}/items/1000000`]);
    expect(big.stdout).toBe("y".repeat(1_000_000));
    const denied = await client(["curl", "-sS", "-w", "%{http_code}", `${url}/secret`]);
    expect(denied.stdout).toBe("Access denied\r\n403");
  });

  test("python's http.client, one connection", async () => {
    const { stdout } = await client(["python3", "-c", PYTHON, String(port)]);
    expect(stdout.trim().split("\n")).toEqual(["200 100", "200 100", "403 15", "200 100"]);
  });

  test("undici", async () => {
    const calls = JSON.stringify([
      { method: "GET", path: "/items/100" },
      { method: "POST", path: "/items/100", body: "x" },
      { method: "GET", path: "/items/100" },
    ]);
    const { stdout } = await client([process.execPath, resolve("examples/http/client.mjs"), url, calls]);
    expect(JSON.parse(stdout)).toEqual([200, 403, 200]);
  });

  test("hey (Go)", async () => {
    const { stdout } = await client(["hey", "-n", "500", "-c", "10", `${url}/items/100`]);
    expect(stdout).toMatch(/\[200\]\s+500 responses/);
    expect((await client(["hey", "-n", "100", "-c", "5", `${url}/no`])).stdout).toMatch(
      /\[403\]\s+100 responses/,
    );
  });

  test("wrk, its bytes moved by the kernel", async () => {
    const before = (await agent.status()).totals;
    const { stdout } = await client(["wrk", "-t1", "-c16", "-d1s", `${url}/items/100`]);
    expect(stdout).not.toMatch(/Non-2xx|Socket errors/);
    expect(Number(/(\d+) requests in/.exec(stdout)?.[1])).toBeGreaterThan(100);
    const after = (await agent.status()).totals;
    const kernelBytes = after.kernelBytes - before.kernelBytes;
    expect(kernelBytes / (kernelBytes + after.tcpBytes - before.tcpBytes)).toBeGreaterThan(0.95);
  });

  test("who has no label, or another one, is turned away", async () => {
    expect((await runs(["curl", "-sS", `${url}/items/100`])).code).not.toBe(0);
    expect((await runs(agent.exec("app=other", ["curl", "-sS", `${url}/items/100`]))).code).not.toBe(0);
    expect((await agent.status()).outcomes["denied:peer"]).toBeGreaterThanOrEqual(2);
  });
});
