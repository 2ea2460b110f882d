// SPDX-License-Identifier: Apache-2.0
// Clients and services as people use them, each client with each service at level splice. What must hold: every answer is
// right, also on a connection on which requests were denied, and of the requests behind the first of a connection 95 % skip
// the sidecar, or docs/compatibility.md names the reason. COMPATIBILITY=write writes its tables anew.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
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
} from "../support/cli.js";
import { CLIENTS, type Client, type Report } from "./clients.js";
import { SERVICES } from "./services.js";
import { cellOf, shareOf, type Share } from "./share.js";
import { kindOf, readTable, render, writeTable, type Table } from "./table.js";
import { MIX, RULES, STREAMS, type Call } from "./traffic.js";

const kernel = await kernelEngine();
const BUILT = resolve(".cache/servers");
const HOUR = 3_600_000;
const WRITE = process.env["COMPATIBILITY"] === "write";
/** A request that goes slow can make the next one slow, where the sidecar gets the CPU late. */
const TRIES = 3;

const services = SERVICES.map(({ name }) => name);
const pairs: Table = { corner: "client", columns: services, rows: new Map() };
const streams: Table = {
  corner: "answers without a length",
  columns: SERVICES.filter(({ streams }) => streams).map(({ name }) => name),
  rows: new Map(),
};
const STREAMED = CLIENTS.filter(({ name }) => ["curl", "undici", "Python http.client"].includes(name));

async function built(...command: string[]): Promise<void> {
  const { code, stderr } = await runs(command, { GOFLAGS: "-buildvcs=false", GOTOOLCHAIN: "local" });
  if (code !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
}

(kernel ? describe : describe.skip)("real clients and services at level splice", () => {
  beforeAll(async () => {
    mkdirSync(BUILT, { recursive: true });
    await built("go", "build", "-o", join(BUILT, "service"), "test/servers/services/service.go");
    const sources = ["services/Service.java", "clients/Client.java"].map((file) =>
      join("test/servers", file),
    );
    await built("javac", "-d", BUILT, ...sources);
  }, 600_000);

  describe.each(SERVICES)("$name", (service) => {
    let agent: TestAgent;
    let program: Program;
    let port: number;

    beforeAll(async () => {
      port = await freePort();
      const policy = policyFor("web", port, ["client"], RULES);
      agent = await TestAgent.start(policy, { level: "splice" }, [], { timeout: HOUR });
      program = launch(agent.exec("app=web", service.command(port, agent.folder, BUILT)), {}, HOUR);
      await until("the service listens", () => listens(port));
    });

    afterAll(async () => {
      program.child.kill("SIGTERM");
      await program.ended;
      const { stderr } = await agent.stop();
      expect(stderr.match(/"level":50.*/g)).toBe(null);
    });

    async function measure(client: Client, plan: readonly Call[]): Promise<{ report: Report; share: Share }> {
      const before = await agent.status();
      const report = await client.make((command) => runs(agent.exec("app=client", command)), {
        url: `http://127.0.0.1:${port}`,
        // A connection for each request takes its time.
        plan: service.ends ? plan.slice(0, 101) : plan,
        ends: service.ends ?? false,
        folder: mkdtempSync(join(agent.folder, "client-")),
        built: BUILT,
      });
      await until("its connections are closed", async () => (await agent.status()).connections === 0);
      return { report, share: shareOf(before, await agent.status()) };
    }

    /** Measures until it is what the page says, and returns what was found last. */
    async function found(
      client: Client,
      plan: readonly Call[],
      documented: string | undefined,
    ): Promise<string> {
      for (let tries = 1; ; tries++) {
        const { report, share } = await measure(client, plan);
        expect(report.got).toEqual(report.expected);
        expect(share.failed).toEqual([]);
        if (report.denied !== undefined) expect(share.denied).toBe(report.denied);
        if (report.allowed !== undefined) expect(share.allowed).toBe(report.allowed);
        const cell = cellOf(share);
        if (process.env["COMPATIBILITY"]) console.error(service.name, client.name, cell, share);
        if (WRITE ? kindOf(cell) === "fast" : kindOf(cell) === kindOf(documented)) return cell;
        if (tries === TRIES) return cell;
      }
    }

    async function fill(table: Table, client: Client, plan: readonly Call[]): Promise<void> {
      const column = table.columns.indexOf(service.name);
      const documented = readTable(table.corner)?.rows.get(client.name)?.[column];
      const cell = await found(client, plan, documented);
      const row = table.rows.get(client.name) ?? table.columns.map(() => "");
      row[column] = cell;
      table.rows.set(client.name, row);
      if (!WRITE) expect(kindOf(cell)).toBe(kindOf(documented));
    }

    test.each(CLIENTS)("$name", (client) => fill(pairs, client, MIX), 600_000);
    if (service.streams)
      test.each(STREAMED)(
        "$name, answers without a length",
        (client) => fill(streams, client, STREAMS),
        600_000,
      );
  });

  test("docs/compatibility.md has these clients and services, and every reason", () => {
    for (const table of [pairs, streams]) {
      if (WRITE) writeTable(table);
      console.info(render([table.corner, ...table.columns], table.rows).join("\n"));
      const documented = readTable(table.corner);
      expect(documented?.columns).toEqual(table.columns);
      expect([...(documented?.rows.keys() ?? [])]).toEqual([...table.rows.keys()]);
    }
    const reasons = new Set(
      [...pairs.rows.values(), ...streams.rows.values()].flat().filter((cell) => kindOf(cell) !== "fast"),
    );
    const page = readFileSync("docs/compatibility.md", "utf8");
    for (const reason of reasons) expect(page).toMatch(new RegExp(`^- ${reason}`, "m"));
  });
});
