// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, test } from "@jest/globals";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  endAll,
  freePort,
  kernelEngine,
  launch,
  listens,
  runs,
  SOCKMESH,
  TestAgent,
  until,
  type Program,
} from "../../support/cli.js";

const kernel = await kernelEngine();
const POLICY = readFileSync("examples/kubernetes/policy.yaml", "utf8");
const MANIFEST = readFileSync("examples/kubernetes/shop.yaml", "utf8");
const SHOP = [process.execPath, resolve("examples/http/shop.mjs")];

let agent: TestAgent | undefined;
const programs: Program[] = [];

afterEach(async () => {
  await endAll(programs, agent);
  agent = undefined;
});

/** An agent with the example's policy, and the example's manifest with a port that is free. */
async function start(): Promise<{ running: TestAgent; manifest: string; port: number }> {
  const port = await freePort();
  const running = await TestAgent.start(POLICY, { level: "off" });
  agent = running;
  const manifest = join(running.folder, "shop.yaml.manifest");
  writeFileSync(manifest, MANIFEST.replace("containerPort: 8080", `containerPort: ${port}`));
  return { running, manifest, port };
}

/** Command line that runs a command as a pod. */
function as(running: TestAgent, pod: string, command: readonly string[], ...more: string[]): string[] {
  return [...SOCKMESH, "exec", "--socket", running.socket, "--pod", pod, ...more, "--", ...command];
}

(kernel ? describe : describe.skip)("endpoints from a manifest", () => {
  test("accounts and namespaces decide who may ask, and the pods' port name is the policy's", async () => {
    const { running, manifest, port } = await start();
    programs.push(launch(as(running, `${manifest}#shop`, [...SHOP, String(port)])));
    await until("the shop listens", () => listens(port));
    const status = async (pod: string, path: string, ...more: string[]): Promise<string> => {
      const url = `http://127.0.0.1:${port}${path}`;
      const curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url];
      return (await runs(as(running, `${manifest}#${pod}`, curl, ...more))).stdout;
    };
    expect(await status("web", "/products")).toBe("200");
    expect(await status("web", "/admin/orders")).toBe("403");
    expect(await status("report", "/admin/orders")).toBe("200");
    expect(await status("report", "/products")).toBe("403");
    // No rule is for its account: a reset, not an answer.
    expect(await status("visitor", "/products")).toBe("000");
    expect(await status("visitor", "/products", "--label", "io.cilium.k8s.policy.serviceaccount=web")).toBe(
      "200",
    );
    expect(await status("report", "/admin/orders", "--label", "io.kubernetes.pod.namespace=shop")).toBe(
      "000",
    );
    const { endpoints } = await running.status();
    expect(endpoints.find(({ name }) => name === "shop")).toMatchObject({
      labels: {
        "k8s:app": "shop",
        "k8s:io.kubernetes.pod.namespace": "shop",
        "k8s:io.cilium.k8s.namespace.labels.team": "retail",
        "k8s:io.cilium.k8s.policy.serviceaccount": "default",
      },
      level: "shortcut",
      ports: { http: port },
      optOutPorts: [],
    });
  });

  test("a port that the pod does not name so is closed", async () => {
    const { running, manifest, port } = await start();
    writeFileSync(manifest, MANIFEST.replace("name: http, ", "name: web, "));
    programs.push(launch(as(running, `${manifest}#shop`, [...SHOP, String(port)])));
    await until("the shop listens", () => listens(port));
    const curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", `http://127.0.0.1:${port}/products`];
    expect((await runs(as(running, `${manifest}#web`, curl))).stdout).toBe("000");
  });

  test("flags join the manifest; a broken one starts nothing", async () => {
    const { running, manifest } = await start();
    const flags = ["--level", "off", "--port-opt-out", "9100", "--port-name", "admin=81", "--name", "mine"];
    programs.push(
      launch(as(running, `${manifest}#shop`, ["sleep", "100"], ...flags, "--label", "app=other")),
    );
    await until("the endpoint is there", async () => (await running.status()).endpoints.length === 1);
    const [endpoint] = (await running.status()).endpoints;
    expect(endpoint).toMatchObject({ name: "mine", level: "off", optOutPorts: [9100] });
    expect(endpoint?.labels).toMatchObject({ "k8s:app": "other", "k8s:io.kubernetes.pod.namespace": "shop" });
    expect(Object.keys(endpoint?.ports ?? {})).toEqual(["http", "admin"]);
    writeFileSync(manifest, MANIFEST.replace("name: http, ", "name: HTTP, "));
    const { code, stdout, stderr } = await runs(as(running, `${manifest}#shop`, ["echo", "started"]));
    expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
    expect(stderr).toMatch(
      /^sockmesh: SM_MANIFEST_INVALID: .*:27:\d+: spec\.template\.spec\.containers\[0\]\.ports\[0\]\.name: is no port name/,
    );
  });

  test("every command of docs/operations.md does what it says", async () => {
    const { running, manifest, port } = await start();
    const page = readFileSync("docs/operations.md", "utf8");
    const commands = [...page.matchAll(/^\$ sockmesh exec (.*)$/gm)].map(([, words = ""]) =>
      words.split(" "),
    );
    expect(commands).toHaveLength([...page.matchAll(/^\$ /gm)].length);
    for (const words of commands) {
      const own = words.map((word) =>
        word.replace("examples/kubernetes/shop.yaml", manifest).replace("8080", String(port)),
      );
      const command = [...SOCKMESH, "exec", "--socket", running.socket, ...own];
      if (own.includes("node")) {
        programs.push(launch(command));
        await until("the shop listens", () => listens(port));
      } else
        expect({ command, ...(await runs(command)) }).toMatchObject({
          code: 0,
          stdout: expect.stringMatching(/^\[/),
        });
    }
    expect(programs).toHaveLength(1);
  });
});
