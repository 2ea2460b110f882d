// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test } from "@jest/globals";
import { resolve } from "node:path";
import {
  freePort,
  launch,
  listens,
  policyFor,
  runs,
  SOCKMESH,
  TestAgent,
  until,
  WITHOUT_ROOT,
  type Program,
} from "../../support/cli.js";

const CLIENT = [process.execPath, resolve("examples/http/client.mjs")];

let agent: TestAgent | undefined;
let service: Program | undefined;

afterEach(async () => {
  service?.child.kill("SIGKILL");
  await service?.ended;
  await agent?.stop();
  agent = service = undefined;
});

test("without root: explicit forwards, identities by source address, level off", async () => {
  const [front, back] = [await freePort(), await freePort()];
  service = launch([process.execPath, resolve("examples/http/shop.mjs"), String(back)]);
  await until("the shop listens", () => listens(back));
  agent = await TestAgent.start(
    policyFor("shop", back, ["frontend"], "{ method: GET }"),
    {
      engine: "user-space",
      listen: [{ address: `127.0.0.1:${front}`, service: `127.0.0.1:${back}`, labels: { app: "shop" } }],
      addresses: [
        { cidr: "127.0.1.0/24", labels: { app: "guest" } },
        { cidr: "127.0.1.1", labels: { app: "frontend" } },
      ],
    },
    WITHOUT_ROOT,
  );
  const { engine, listen } = await agent.status();
  expect(engine).toMatchObject({ name: "user-space", level: "off", because: "the configuration says so" });
  expect(listen).toEqual([{ address: `127.0.0.1:${front}`, service: `127.0.0.1:${back}` }]);
  const calls = JSON.stringify([
    { method: "GET", path: "/products" },
    { method: "POST", path: "/orders", body: "1" },
  ]);
  const from = (address: string): ReturnType<typeof runs> =>
    runs([...CLIENT, `http://127.0.0.1:${front}`, calls, address]);
  expect(JSON.parse((await from("127.0.1.1")).stdout)).toEqual([200, 403]);
  expect((await from("127.0.1.2")).code).not.toBe(0); // guests may not connect
  expect((await from("127.0.0.1")).code).not.toBe(0); // reserved:host neither
  expect((await agent.status()).outcomes).toMatchObject({ allowed: 1, "denied:policy": 1, "denied:peer": 2 });

  const refused = await runs(agent.exec("app=x", ["true"]));
  expect(refused.code).toBe(125);
  expect(refused.stderr).toMatch(/SM_BPF_UNAVAILABLE: nothing is captured here/);
});

test("a connection to the sidecar's own port leads nowhere", async () => {
  agent = await TestAgent.start("", { engine: "user-space" });
  const { pid } = await agent.status();
  const { stdout } = await runs(["ss", "-Hltnp"], { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` });
  const port = stdout
    .split("\n")
    .flatMap((line) => (line.includes(`pid=${pid},`) ? [/127\.0\.0\.1:(\d+)/.exec(line)?.[1]] : []))[0];
  expect(port).toMatch(/^\d+$/);
  expect((await runs(["curl", "-sS", "-m", "5", `http://127.0.0.1:${port}/`])).stderr).toMatch(
    /reset|connect/,
  );
});

test("a port in use, a broken configuration: named, with exit codes", async () => {
  const port = await freePort();
  service = launch([process.execPath, resolve("examples/http/shop.mjs"), String(port)]);
  await until("the shop listens", () => listens(port));
  const taken = {
    engine: "user-space",
    listen: [{ address: `127.0.0.1:${port}`, service: "127.0.0.1:1", labels: { a: "b" } }],
  };
  await expect(TestAgent.start("", taken)).rejects.toThrow(/SM_PORT_IN_USE: cannot listen on 127\.0\.0\.1/);
  await expect(TestAgent.start("", { engin: "auto" })).rejects.toThrow(
    /sockmesh\.yaml:1:\d+: engin: there is no such field/,
  );
  expect((await runs([...SOCKMESH, "run", "--config", "/no/such.yaml"])).code).toBe(2);
});
