// SPDX-License-Identifier: Apache-2.0
// A cache with two clients: shows what each may do, then how long a lookup takes at every level.
// Usage: node run.mjs [LOOKUPS]   from a clone of the sources, after `make build`; needs memcached. Root for all levels.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const SOCKMESH = [process.execPath, here("../../dist/cli/main.js")];
const CLIENT = [process.execPath, here("client.mjs")];
const LOOKUPS = process.argv[2] ?? "20000";
const ADDRESS = { web: "127.0.1.1", worker: "127.0.1.2" };

const run = async ([program, ...args]) => (await promisify(execFile)(program, args)).stdout;
const start = ([program, ...args], errors = "inherit") =>
  spawn(program, args, { stdio: ["ignore", "ignore", errors] });

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

async function until(holds) {
  for (const late = Date.now() + 20_000; !(await holds());) {
    if (Date.now() > late) throw new Error("something does not start");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const listens = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });

const folder = mkdtempSync(join(tmpdir(), "sockmesh-memcached-"));
const socket = join(folder, "agent.sock");
const [port, forward] = [await freePort(), await freePort()];
writeFileSync(
  join(folder, "policy.yaml"),
  readFileSync(here("policy.yaml"), "utf8").replaceAll('"11211"', `"${port}"`),
);
// JSON is YAML. Without BPF, who somebody is depends on the address they come from.
writeFileSync(
  join(folder, "sockmesh.yaml"),
  JSON.stringify({
    socket,
    policies: join(folder, "policy.yaml"),
    listen: [{ address: `127.0.0.1:${forward}`, service: `127.0.0.1:${port}`, labels: { app: "cache" } }],
    addresses: Object.entries(ADDRESS).map(([app, cidr]) => ({ cidr, labels: { app } })),
  }),
);
const agent = start([...SOCKMESH, "run", "--config", join(folder, "sockmesh.yaml")], "ignore");
const status = async () => JSON.parse(await run([...SOCKMESH, "status", "--json", "--socket", socket]));
let cache;

try {
  await until(() =>
    status().then(
      () => true,
      () => false,
    ),
  );
  const captures = (await status()).engine.name === "kernel";
  const exec = (app, more = []) =>
    captures ? [...SOCKMESH, "exec", "--socket", socket, "--label", `app=${app}`, ...more, "--"] : [];
  const as = async (app, ...args) => {
    const at = captures ? [String(port), ""] : [String(forward), ADDRESS[app]];
    return JSON.parse(await run([...exec(app), ...CLIENT, ...at, ...args]));
  };
  const startCache = async (level) => {
    const user = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
    const flags = [...user, "-l", "127.0.0.1", "-p", String(port), "-U", "0"];
    cache = start([...exec("cache", ["--level", level]), "memcached", ...flags]);
    await until(() => listens(port));
  };
  const stopCache = async () => {
    const ended = once(cache, "exit");
    cache.kill();
    await ended;
    cache = undefined;
  };
  const show = async (app, commands) => {
    const answers = await as(app, ...commands);
    commands.forEach((command, i) =>
      console.log(`${app.padEnd(7)} ${command.replace("\n", " | ").padEnd(34)} ${answers[i]}`),
    );
  };

  await startCache("off");
  await show("web", [
    "set session.7 0 0 5\nhello",
    "get session.7",
    "get session.7 hits.home",
    "set hits.home 0 0 1\n1",
    "flush_all",
  ]);
  await show("worker", [
    "add hits.home 0 0 1\n0",
    "incr hits.home 1",
    "get hits.home total",
    "get session.7",
    "delete hits.home",
  ]);
  await stopCache();

  console.log(`\nlevel     microseconds of one lookup, ${LOOKUPS} one after the other, the fastest tenth`);
  for (const level of captures ? ["off", "shortcut", "splice"] : ["off"]) {
    await startCache(level);
    await as("web", "set session.7 0 0 5\nhello");
    const [micros] = await as("web", "--times", LOOKUPS, "get session.7");
    console.log(`${level.padEnd(9)} ${micros}`);
    await stopCache();
  }
  if (!captures) console.log(`only level off: ${(await status()).engine.because}`);
} finally {
  cache?.kill();
  const ended = once(agent, "exit");
  agent.kill();
  await ended;
  rmSync(folder, { recursive: true, force: true });
}
