// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { resolve } from "node:path";
import {
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
import { MemcachedServer } from "../../support/memcached.js";

const kernel = await kernelEngine();
/** Debian's own, which has the client libraries. */
const PYTHON = "/usr/bin/python3";
const SCRIPTS = resolve("test/support/memcached-clients");

const policy = (port: number): string => `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: cache }
spec:
  endpointSelector: { matchLabels: { app: cache } }
  ingress:
    - fromEndpoints: [{ matchLabels: { app: client } }]
      toPorts:
        - ports: [{ port: "${port}", protocol: TCP }]
          rules:
            memcached:
              - { commands: [read, write], keys: [{ prefix: ok. }] }
              - { commands: [noop, version, quit] }
    - fromEndpoints: [{ matchLabels: { app: owner } }]
      toPorts:
        - ports: [{ port: "${port}", protocol: TCP }]
          rules: { memcached: [{}] }
`;

const CLIENTS: Record<string, (port: number) => string[]> = {
  "memjs, binary": (port) => [process.execPath, `${SCRIPTS}/memjs.mjs`, String(port)],
  "pymemcache, text": (port) => [PYTHON, `${SCRIPTS}/text.py`, String(port)],
  "libmemcached, text": (port) => [PYTHON, `${SCRIPTS}/libmemcached.py`, String(port), "text"],
  "libmemcached, binary": (port) => [PYTHON, `${SCRIPTS}/libmemcached.py`, String(port), "binary"],
};

/** What each command came to, with an allowed and a denied key; administrative ones once. */
type Outcomes = Record<string, string[]>;

/** What a denial is to a client: an error of its own, or "did not work"; never a success, never a value. */
const isDenied = (outcome: string): boolean => /^(error .*|False|0)$/.test(outcome);

/** Sends one text command after the other and prints the answers. */
const TALK = `
import socket, sys
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
peer.sendall(sys.argv[2].encode() + b"mn\\r\\n")
got = b""
while not got.endswith(b"MN\\r\\n"): got += peer.recv(65536)
print(got[:-4].decode().replace("\\r", ""), end="")
`;

/** Sends lookups often enough that the kernel takes part, each after the answer to the one before. */
const ONE_BY_ONE = `
import socket, sys
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
for command in sys.argv[2:] * 20:
    peer.sendall(command.encode() + b"\\r\\n")
    got = b""
    while not got.endswith((b"END\\r\\n", b"denied\\r\\n", b"format\\r\\n")): got += peer.recv(65536)
`;

(kernel ? describe : describe.skip).each(["off", "shortcut", "splice"] as const)(
  "memcached clients at level %s",
  (level) => {
    let agent: TestAgent;
    let cache: Program;
    let port: number;

    beforeAll(async () => {
      // A port that was free may be taken until memcached asks for it: then with another one.
      for (let tries = 1; ; tries++) {
        port = await freePort();
        agent = await TestAgent.start(policy(port), { level });
        const flags = ["-u", "nobody", "-l", "127.0.0.1", "-p", String(port), "-U", "0", "-m", "64"];
        cache = launch(agent.exec("app=cache", ["memcached", ...flags]));
        const { child } = cache;
        await until("memcached listens", async () => child.exitCode !== null || (await listens(port)));
        if (child.exitCode === null) return;
        const { stderr } = await cache.ended;
        await agent.stop();
        if (tries === 3) throw new Error(`memcached does not start: ${stderr}`);
      }
    });

    afterAll(async () => {
      cache.child.kill("SIGTERM");
      await cache.ended;
      const { code, stderr } = await agent.stop();
      expect({ code, errors: stderr.match(/"level":50.*/g) }).toEqual({ code: 0, errors: null });
    });

    const as = (app: string, command: readonly string[]): ReturnType<typeof runs> =>
      runs(agent.exec(`app=${app}`, command));

    const talk = async (text: string): Promise<string> =>
      (await as("owner", [PYTHON, "-c", TALK, String(port), text])).stdout;

    test("memccapable passes all of its cases, as it does without", async () => {
      const direct = await MemcachedServer.start();
      const run = (at: number): string[] => ["memccapable", "-h", "127.0.0.1", "-p", String(at), "-t", "30"];
      const passed = async (ran: ReturnType<typeof runs>): Promise<number> => {
        const { stdout, stderr, code } = await ran;
        expect({ code, stderr, end: stdout.trim().split("\n").at(-1) }).toMatchObject({
          code: 0,
          end: "All tests passed",
        });
        return stdout.match(/\[pass\]/g)?.length ?? 0;
      };
      try {
        const [without, through] = [
          await passed(runs(run(direct.port))),
          await passed(as("owner", run(port))),
        ];
        console.info(
          `memccapable: ${without} cases direct, ${through} through the sidecar at level ${level}`,
        );
        expect(through).toBe(without);
        expect(without).toBeGreaterThan(50);
      } finally {
        await direct.close();
      }
    });

    test("each client's commands: the denied ones fail for the client and never reach memcached", async () => {
      const lines: string[] = [];
      for (const [name, command] of Object.entries(CLIENTS)) {
        const outcomesOf = async (app: string): Promise<Outcomes> => {
          await talk("flush_all\r\nset ok.kept 0 0 1\r\nk\r\n");
          const { stdout, stderr, code } = await as(app, command(port));
          expect({ name, app, stderr, code }).toEqual({ name, app, stderr: "", code: 0 });
          return JSON.parse(stdout) as Outcomes;
        };
        const all = await outcomesOf("owner");
        const before = (await agent.status()).outcomes["denied:policy"] ?? 0;
        const some = await outcomesOf("client");
        const cells: string[] = [];
        for (const [about, [first = "", second]] of Object.entries(some)) {
          const free = all[about] ?? [];
          expect({ name, about, free, denied: free.some(isDenied) }).toMatchObject({ denied: false });
          const open = second !== undefined || about === "version";
          // Some clients do not look at what comes back for this: that nothing happened is seen below.
          const unseen = about === "flush_all" || about === "set noreply";
          if (open) expect({ name, about, first, denied: isDenied(first) }).toMatchObject({ denied: false });
          const refused = second ?? (about === "version" ? undefined : first);
          if (refused !== undefined && !unseen)
            expect({ name, about, refused, denied: isDenied(refused) }).toMatchObject({ denied: true });
          cells.push(`${about} ${open ? "ok" : "-"}/${about === "version" ? "-" : "denied"}`);
        }
        const denied = ((await agent.status()).outcomes["denied:policy"] ?? 0) - before;
        expect({ name, denied: denied >= cells.length - 1 }).toEqual({ name, denied: true });
        const keys = ["memjs", "text", "lib"].flatMap((one) => [`no.${one}`, `no.${one}.new`]).join(" ");
        expect(await talk(`get ok.kept ${keys}\r\n`)).toBe("VALUE ok.kept 0 1\nk\nEND\n");
        lines.push(`  ${name}: ${cells.join(", ")}`);
      }
      console.info(`level ${level}: client, command, allowed key/denied key\n${lines.join("\n")}`);
    });

    test("status counts commands by group and outcome, those that the kernel moved too", async () => {
      const answers = "VALUE ok.seen 0 1\nx\nEND\n";
      const ask = await as("client", [PYTHON, "-c", ONE_BY_ONE, String(port), "get ok.seen", "get no.seen"]);
      await talk("set ok.seen 0 0 1\r\nx\r\nget ok.seen\r\n").then((got) => expect(got).toContain(answers));
      expect(ask).toMatchObject({ code: 0, stderr: "" });
      const { stdout } = await runs([...SOCKMESH, "status", "--socket", agent.socket]);
      const counted = (group: string, outcome: string): number =>
        Number(new RegExp(`^memcached ${group} +${outcome} +([0-9]+)$`, "m").exec(stdout)?.[1] ?? 0);
      for (const group of ["get", "store", "delete", "count"]) {
        const passed = counted(group, "allowed") + counted(group, "fast");
        const seen = { group, passed: passed > 0, denied: counted(group, "denied:policy") > 0 };
        expect(seen).toEqual({ group, passed: true, denied: true });
      }
      if (level === "splice") expect(counted("get", "fast")).toBeGreaterThan(0);
      else expect(stdout).not.toMatch(/^memcached .* fast /m);
    });

    test("at level splice lookups of many keys are judged in the kernel, unless a key is longer than memcached takes", async () => {
      const splice = level === "splice";
      const counted = async (...keys: string[]): Promise<{ fast: number; unsure: number }> => {
        const of = ({ outcomes, spliced }: Awaited<ReturnType<typeof agent.status>>["totals"]) => ({
          fast: spliced.requests,
          unsure: outcomes["slow:not-canonical"] ?? 0,
        });
        const before = of((await agent.status()).totals);
        const commands = ["get ok.0", `get ${keys.join(" ")}`];
        const asked = await as("client", [PYTHON, "-c", ONE_BY_ONE, String(port), ...commands]);
        expect(asked).toMatchObject({ code: 0, stderr: "" });
        const after = of((await agent.status()).totals);
        return { fast: after.fast - before.fast, unsure: after.unsure - before.unsure };
      };
      const keys = Array.from({ length: 16 }, (_, i) => `ok.${i}.`.padEnd(40, "k"));
      // All but, perhaps, the first of forty: the service's socket may not be known yet.
      for (const longest of [40, 250]) {
        const { fast, unsure } = await counted(...keys, "ok.".padEnd(longest, "k"));
        expect({ fast: fast >= 39, unsure }).toEqual({ fast: splice, unsure: 0 });
      }
      const { fast, unsure } = await counted(...keys, "ok.".padEnd(251, "k"));
      expect({ fast: fast <= 20, unsure: unsure > 0 }).toEqual({ fast: true, unsure: splice });
    });
  },
);
