// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, test } from "@jest/globals";
import { renameSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import {
  endAll,
  freePort,
  kernelEngine,
  launch,
  listens,
  policyFor,
  runs,
  SOCKMESH,
  TestAgent,
  until,
  type Program,
} from "../../support/cli.js";

const kernel = await kernelEngine();
const SHOP = [process.execPath, resolve("examples/http/shop.mjs")];

let agent: TestAgent | undefined;
const programs: Program[] = [];

afterEach(async () => {
  await endAll(programs, agent);
  agent = undefined;
});

/** The shop behind an explicit forward of an agent without BPF; from 127.0.0.1, which is the host. */
async function forward(policy: (port: number) => string, config: object) {
  const [front, back] = [await freePort(), await freePort()];
  programs.push(launch([...SHOP, String(back)]));
  await until("the shop listens", () => listens(back));
  agent = await TestAgent.start(policy(back), {
    engine: "user-space",
    listen: [{ address: `127.0.0.1:${front}`, service: `127.0.0.1:${back}`, labels: { app: "shop" } }],
    ...config,
  });
  return { running: agent, back, get: (path: string) => status([], front, path) };
}

/** Status of an answer; what curl calls 000 when there is none. */
async function status(prefix: readonly string[], port: number, path: string): Promise<string> {
  const url = `http://127.0.0.1:${port}${path}`;
  return (await runs([...prefix, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url])).stdout;
}

function replace(running: TestAgent, policy: string): void {
  writeFileSync(`${running.policies}.new`, policy);
  renameSync(`${running.policies}.new`, running.policies);
}

const guests = (port: number): string => policyFor("shop", port, ["guest"], "{ method: GET }");

describe("enforcement, as configured", () => {
  test("default: who a policy selects is restricted; always: everybody; never: nobody", async () => {
    const other = (port: number): string => policyFor("other", port, ["guest"], "{ method: GET }");
    for (const [enforcement, policy, expected] of [
      ["default", guests, "000"],
      ["default", other, "200"],
      ["always", other, "000"],
      ["never", guests, "200"],
    ] as const) {
      const { running, get } = await forward(policy, { enforcement });
      expect([enforcement, await get("/products")]).toEqual([enforcement, expected]);
      expect((await running.status()).policy).toMatchObject({ enforcement, audit: false, errors: [] });
      await running.stop();
      agent = undefined;
    }
  });

  test("audit: what is denied is forwarded, counted, logged and in the access log", async () => {
    const { running, back, get } = await forward(
      (port) => {
        const all = guests(port)
          .replace("fromEndpoints", "fromEntities")
          .replace(/\[\{ matchLabels.*\]/, "[all]");
        return `${all}  log: { value: shop rules }\n`;
      },
      { audit: true, accessLog: true },
    );
    expect(await get("/products")).toBe("200");
    const post = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-d", "x"];
    const { listen } = await running.status();
    expect((await runs([...post, `http://${listen[0]?.address}/orders`])).stdout).not.toMatch(/403|000/);
    replace(running, guests(back));
    await until("the policy", async () => (await running.status()).policy.revision === 2);
    expect(await get("/products")).toBe("200");
    expect((await running.status()).outcomes).toMatchObject({
      allowed: 1,
      "audited:policy": 1,
      "audited:peer": 1,
    });
    const shown = await runs([...SOCKMESH, "status", "--socket", running.socket]);
    expect(shown.stdout).toMatch(/audit: what policy denies is forwarded/);
    const { stdout, stderr } = await running.stop();
    agent = undefined;
    const outcomes = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { outcome: string; policy_log: string[] });
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(["allowed", "audited:policy", "audited:peer"]);
    expect(outcomes.map(({ policy_log }) => policy_log)).toEqual([["shop rules"], ["shop rules"], []]);
    expect(stderr).toMatch(/"outcome":"audited:policy".*"request":"POST \/orders".*would be denied/);
  });

  test("UDP that rules allow is named when the policy is put in force", async () => {
    const { running } = await forward(
      (port) => `${guests(port)}    - toPorts: [{ ports: [{ port: "53", protocol: UDP }] }]\n`,
      {},
    );
    const { stderr } = await running.stop();
    agent = undefined;
    expect(stderr).toMatch(/policy\.yaml:11.*UDP passes in any case/);
  });

  test("patterns that cannot be compiled leave the last good revision in force", async () => {
    const { running, back, get } = await forward(guests, {
      addresses: [{ cidr: "127.0.0.1", labels: { app: "guest" } }],
    });
    expect(await get("/products")).toBe("200");
    const long = Array.from({ length: 500 }, (_, i) => `{ path: "/${i}/(ab?c?d){900}.{900}" }`).join(", ");
    replace(running, policyFor("shop", back, ["guest"], long));
    await until("the error", async () => (await running.status()).policy.errors.length > 0);
    const { policy } = await running.status();
    expect([policy.revision, policy.errors.join()]).toEqual([
      1,
      expect.stringMatching(
        /policy\.yaml:7:\d+: spec\.ingress\[0\]: ingress of identity \d+, port \d+, .*too large/,
      ),
    ]);
    expect(await get("/products")).toBe("200");
  });
});

(kernel ? describe : describe.skip)("endpoints", () => {
  async function shop(policy: (port: number) => string, config: object = {}) {
    const port = await freePort();
    agent = await TestAgent.start(policy(port), config);
    programs.push(launch(agent.exec("app=shop", [...SHOP, String(port)])));
    await until("the shop listens", () => listens(port));
    return { running: agent, port };
  }

  test("each tells which revision judges it, and how long that took; the last good one on error", async () => {
    const { running, port } = await shop(guests);
    const acknowledged = async () => (await running.status()).endpoints.map(({ policy }) => policy);
    expect(await acknowledged()).toEqual([{ revision: 1, ms: expect.any(Number) }]);
    replace(running, policyFor("shop", port, ["client"], "{}"));
    await until("the policy", async () => (await running.status()).policy.revision === 2);
    expect(await acknowledged()).toEqual([{ revision: 2, ms: expect.any(Number) }]);
    replace(running, "kind: Nonsense\n");
    await until("the error", async () => (await running.status()).policy.errors.length > 0);
    expect(await acknowledged()).toEqual([{ revision: 2, ms: expect.any(Number) }]);
    const { stdout } = await runs([...SOCKMESH, "status", "--socket", running.socket]);
    expect(stdout).toMatch(/^1 +\S*node +\d+ +shortcut +2 in [\d.]+ ms +app=shop$/m);
    expect(stdout).toMatch(/not in force: .*policy\.yaml:1/);
  });

  test("other labels, after the grace time: another identity, for connections that are open too", async () => {
    const { running, port } = await shop((at) => policyFor("shop", at, ["client"], "{ method: GET }"), {
      identityGraceMs: 300,
    });
    // Asks again and again on one connection; prints each status.
    const loop = `
      const { Agent, get } = require("http");
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const ask = () => get({ port: ${port}, path: "/products", agent }, (answer) => {
        console.log(answer.statusCode); answer.resume(); answer.on("end", () => setTimeout(ask, 20));
      }).on("error", () => { console.log("gone"); setTimeout(ask, 20); });
      ask();`;
    const client = launch(running.exec("app=client", [process.execPath, "-e", loop], ["--name", "asker"]));
    programs.push(client);
    let printed = "";
    client.child.stdout?.on("data", (text: string) => (printed += text));
    await until("answers", () => printed.startsWith("200\n200\n"));
    const before = (await running.status()).endpoints.find(({ name }) => name === "asker");
    const relabel = (label: string) =>
      runs([...SOCKMESH, "label", String(before?.number), "--label", label, "--socket", running.socket]);
    expect((await relabel("app=stranger")).code).toBe(0);
    await until("it is gone", () => printed.endsWith("gone\ngone\n"));
    const after = (await running.status()).endpoints.find(({ name }) => name === "asker");
    expect(after).toMatchObject({ labels: { app: "stranger" } });
    expect(after?.identity).not.toBe(before?.identity);
    expect((await running.status()).outcomes).toMatchObject({ "ended:policy": 1 });
    expect((await relabel("app=client")).code).toBe(0);
    await until("it is back", () => printed.endsWith("200\n200\n"));
    expect((await running.status()).endpoints.find(({ name }) => name === "asker")?.identity).toBe(
      before?.identity,
    );
    const unknown = await runs([...SOCKMESH, "label", "999", "--label", "a=b", "--socket", running.socket]);
    expect(unknown.stderr).toMatch(/SM_ENDPOINT: there is no endpoint 999/);
  });

  test("audit with the kernel: what is allowed it moves, what is denied the sidecar forwards and counts", async () => {
    const { running, port } = await shop(
      (at) => policyFor("shop", at, ["client"], `{ method: GET, path: "/products" }`),
      { audit: true, level: "splice" },
    );
    const asks = ["/products", "/products", "/other", "/products", "/other", "/products"];
    const url = `http://127.0.0.1:${port}`;
    const calls = JSON.stringify(asks.map((path) => ({ method: "GET", path })));
    const client = [process.execPath, resolve("examples/http/client.mjs"), url, calls];
    const asked = await runs(running.exec("app=client", client, ["--level", "splice"]));
    expect(JSON.parse(asked.stdout)).toEqual([200, 200, 404, 200, 404, 200]);
    // Nobody that a rule names: audited as a peer, and all its requests pass.
    const stranger = await runs(running.exec("app=stranger", client, ["--level", "splice"]));
    expect(JSON.parse(stranger.stdout)).toEqual([200, 200, 404, 200, 404, 200]);
    expect((await running.status()).outcomes).toMatchObject({ "audited:policy": 2 });
    expect((await running.status()).outcomes["audited:peer"]).toBeGreaterThanOrEqual(1);
    expect((await running.status()).outcomes).not.toHaveProperty("denied:policy");
  });

  test("egress rules that come while an endpoint runs hold for its next connects", async () => {
    const outside = await freePort();
    programs.push(launch([...SHOP, String(outside)]));
    await until("the shop listens", () => listens(outside));
    agent = await TestAgent.start("");
    const loop = `
      const { get } = require("http");
      const ask = () => get({ port: ${outside}, path: "/products", agent: false }, (answer) => {
        console.log(answer.statusCode); answer.resume(); answer.on("end", () => setTimeout(ask, 20));
      }).on("error", () => { console.log("gone"); setTimeout(ask, 20); });
      ask();`;
    const client = launch(agent.exec("app=client", [process.execPath, "-e", loop]));
    programs.push(client);
    let printed = "";
    client.child.stdout?.on("data", (text: string) => (printed += text));
    await until("answers", () => printed.endsWith("200\n200\n"));
    replace(
      agent,
      `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: none }
spec: { endpointSelector: { matchLabels: { app: client } }, egress: [{}] }
`,
    );
    await until("it is gone", () => printed.endsWith("gone\ngone\n"));
    replace(agent, "");
    await until("it is back", () => printed.endsWith("200\n200\n"));
  });
});
