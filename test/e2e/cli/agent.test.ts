// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, test } from "@jest/globals";
import { existsSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import {
  cgroupsOf,
  endAll,
  freePort,
  kernelEngine,
  launch,
  listens,
  policyFor,
  programsOf,
  runs,
  SOCKMESH,
  stillLoaded,
  TestAgent,
  until,
  type Program,
} from "../../support/cli.js";

const kernel = await kernelEngine();
const SHOP = [process.execPath, resolve("examples/http/shop.mjs")];
const ANYTHING = "{ method: GET }";

let agent: TestAgent | undefined;
const programs: Program[] = [];

afterEach(async () => {
  await endAll(programs, agent);
  agent = undefined;
});

/** An agent with the shop behind it, as an endpoint. */
async function shop(http: string): Promise<{ agent: TestAgent; port: number; service: Program }> {
  const port = await freePort();
  agent = await TestAgent.start(policyFor("shop", port, ["client"], http));
  const service = launch(agent.exec("app=shop", [...SHOP, String(port)]));
  programs.push(service);
  await until("the shop listens", () => listens(port));
  return { agent, port, service };
}

async function get(running: TestAgent, port: number, path: string): Promise<string> {
  const { stdout } = await runs(
    running.exec("app=client", [
      "curl",
      "-s",
      "-o",
      "/dev/null",
      "-w",
      "%{http_code}",
      `http://127.0.0.1:${port}${path}`,
    ]),
  );
  return stdout;
}

(kernel ? describe : describe.skip)("the agent", () => {
  test("exec is the command: exit code, output, signals, pid, arguments", async () => {
    agent = await TestAgent.start("");
    const { code, stdout } = await runs(
      agent.exec("app=x", ["sh", "-c", 'echo "$0" "$1" $$; exit 42', "a b", "--name"]),
    );
    expect(code).toBe(42);
    expect(stdout).toMatch(/^a b --name \d+\n$/);
    const sleeper = launch(
      agent.exec("app=x,tier=y", ["sleep", "100"], ["--name", "sleeper", "--port-opt-out", "9100"]),
    );
    programs.push(sleeper);
    const named = async () => (await agent?.status())?.endpoints.find(({ name }) => name === "sleeper");
    await until("the endpoint is there", async () => (await named()) !== undefined);
    const endpoint = await named();
    expect(endpoint).toMatchObject({ labels: { app: "x", tier: "y" }, optOutPorts: [9100] });
    expect(statSync(endpoint?.cgroup ?? "").isDirectory()).toBe(true);
    sleeper.child.kill("SIGTERM");
    expect((await sleeper.ended).signal).toBe("SIGTERM");
    await until("the endpoint is gone", async () => (await agent?.status())?.endpoints.length === 0);
    expect(existsSync(endpoint?.cgroup ?? "")).toBe(false);
  });

  test("exec's own failures have their own exit codes and leave no endpoint", async () => {
    agent = await TestAgent.start("");
    expect((await runs(agent.exec("app=x", ["/no/such/program"]))).code).toBe(127);
    expect((await runs(agent.exec("app=x", ["/etc/passwd"]))).code).toBe(126);
    const noAgent = await runs([
      ...SOCKMESH,
      "exec",
      "--socket",
      "/no/agent.sock",
      "--label",
      "a=b",
      "--",
      "true",
    ]);
    expect(noAgent.code).toBe(125);
    expect(noAgent.stderr).toMatch(/SM_AGENT_UNREACHABLE/);
    await until("no endpoint is left", async () => (await agent?.status())?.endpoints.length === 0);
    expect(
      readdirSync(cgroupsOf((await agent.status()).pid)).filter((name) => name.startsWith("ep-")),
    ).toEqual([]);
  });

  test("an endpoint lives as long as any process in it", async () => {
    agent = await TestAgent.start("");
    const parent = launch(agent.exec("app=x", ["sh", "-c", "sleep 100 >/dev/null 2>&1 & echo $!"]));
    const child = Number((await parent.ended).stdout);
    expect((await agent.status()).endpoints).toHaveLength(1);
    process.kill(child, "SIGKILL");
    await until("the endpoint is gone", async () => (await agent?.status())?.endpoints.length === 0);
  });

  test("policy is read again when it changes; a broken one leaves the last good in force and is named", async () => {
    const { agent, port } = await shop(ANYTHING);
    expect(await get(agent, port, "/products")).toBe("200");
    const replace = (text: string): void => {
      writeFileSync(`${agent.policies}.new`, text);
      renameSync(`${agent.policies}.new`, agent.policies);
    };
    replace(policyFor("shop", port, ["client"], "{ method: POST }"));
    await until("the new revision", async () => (await agent.status()).policy.revision === 2);
    expect(await get(agent, port, "/products")).toBe("403");
    replace(`${policyFor("shop", port, ["client"], ANYTHING)}    - fromPlanets: []\n`);
    await until("the error", async () => (await agent.status()).policy.errors.length > 0);
    const { policy } = await agent.status();
    expect(policy.revision).toBe(2);
    expect(policy.errors.join()).toMatch(/policy\.yaml:11:\d+: spec\.ingress\[1\]\.fromPlanets: /);
    expect(await get(agent, port, "/products")).toBe("403");
    replace(policyFor("shop", port, ["client"], ANYTHING));
    await until("the good one", async () => (await agent.status()).policy.errors.length === 0);
    expect(await get(agent, port, "/products")).toBe("200");
  });

  test("a rule that names a port holds for the port that the endpoint gives that name", async () => {
    const [port, other] = [await freePort(), await freePort()];
    const policy = policyFor("shop", port, ["client"], "{ path: /products }").replace(`"${port}"`, "http");
    agent = await TestAgent.start(policy);
    const named = ["--port-name", `http=${port}`, "--port-name", `admin=${other}`];
    for (const at of [port, other])
      programs.push(launch(agent.exec("app=shop", [...SHOP, String(at)], at === port ? named : [])));
    await until("the shops listen", async () => (await listens(port)) && (await listens(other)));
    expect(await get(agent, port, "/products")).toBe("200");
    expect(await get(agent, port, "/orders")).toBe("403");
    // Nobody calls this port http: nothing allows it.
    expect(await get(agent, other, "/products")).toBe("000");
    const { endpoints } = await agent.status();
    expect(endpoints.map(({ ports }) => ports)).toContainEqual({ http: port, admin: other });
    expect((await runs(agent.exec("app=x", ["true"], ["--port-name", "80=80"]))).code).not.toBe(0);
  });

  test("SIGTERM leaves nothing: no program, no cgroup, no socket; processes go on", async () => {
    const { agent: running, port, service } = await shop(ANYTHING);
    const { pid } = await running.status();
    const held = programsOf(pid);
    expect(held).not.toEqual([]);
    running.program.child.kill("SIGTERM");
    expect((await running.program.ended).code).toBe(0);
    // The kernel frees them a moment after the last descriptor is closed.
    await until("nothing is attached", async () => (await stillLoaded(held)).length === 0);
    expect(existsSync(cgroupsOf(pid))).toBe(false);
    expect(existsSync(running.socket)).toBe(false);
    expect(service.child.exitCode).toBeNull();
    expect((await runs(["curl", "-s", `http://127.0.0.1:${port}/products`])).stdout).toMatch(/teapot/);
  });

  test("kill -9 of the agent under load leaves nothing attached, and the next agent clears its cgroups", async () => {
    const { agent: running, port } = await shop(ANYTHING);
    const { pid } = await running.status();
    const load = launch(
      running.exec("app=client", ["wrk", "-t1", "-c8", "-d2s", `http://127.0.0.1:${port}/products`]),
    );
    programs.push(load);
    await until("load runs", async () => {
      const { outcomes, totals } = await running.status();
      return (outcomes.allowed ?? 0) + (totals.outcomes.fast ?? 0) > 100;
    });
    const held = programsOf(pid);
    expect(held).not.toEqual([]);
    running.program.child.kill("SIGKILL");
    await running.program.ended;
    await load.ended;
    await until("nothing is attached", async () => (await stillLoaded(held)).length === 0);
    const next = await TestAgent.start("");
    try {
      expect(existsSync(cgroupsOf(pid))).toBe(false);
    } finally {
      await next.stop();
    }
  });

  test("kill -9 of client and service under load: endpoints go, others are served", async () => {
    const { agent: running, port, service } = await shop(ANYTHING);
    const load = launch(
      running.exec("app=client", ["wrk", "-t1", "-c8", "-d60s", `http://127.0.0.1:${port}/products`]),
    );
    programs.push(load);
    await until("load runs", async () => {
      const { outcomes, totals } = await running.status();
      return (outcomes.allowed ?? 0) + (totals.outcomes.fast ?? 0) > 100;
    });
    load.child.kill("SIGKILL");
    await until("its endpoint is gone", async () => (await running.status()).endpoints.length === 1);
    expect(await get(running, port, "/products")).toBe("200");
    service.child.kill("SIGKILL");
    await until("no endpoint is left", async () => (await running.status()).endpoints.length === 0);
    await until("no connection is left", async () => (await running.status()).connections === 0);
    const again = launch(running.exec("app=shop", [...SHOP, String(port)]));
    programs.push(again);
    await until("the shop listens", () => listens(port));
    expect(await get(running, port, "/products")).toBe("200");
  });

  test("a second agent on the same socket is refused; the socket is its owner's alone", async () => {
    agent = await TestAgent.start("");
    expect(statSync(agent.socket).mode & 0o777).toBe(0o600);
    const second = await runs([...SOCKMESH, "run", "--socket", agent.socket]);
    expect(second.code).toBe(5);
    expect(second.stderr).toMatch(/SM_PORT_IN_USE/);
    expect((await agent.status()).engine.name).toBe("kernel");
  });

  test("an agent with a broken policy does not start", async () => {
    const ended = await TestAgent.start("kind: Nonsense\n").then(
      () => "started",
      (thrown: Error) => thrown.message,
    );
    expect(ended).toMatch(/policy\.yaml:1:\d+: /);
  });
});
