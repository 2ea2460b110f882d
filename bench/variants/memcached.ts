// SPDX-License-Identifier: Apache-2.0
import { fileURLToPath } from "node:url";
import type { Level } from "../../sockmap/engine.js";
import { freePort, start, type Running } from "../harness/process.js";
import { BASELINE, type Target, type Variant } from "../harness/runner.js";
import { engine, LEVELS, SOCKMESH, startAgent } from "./sockmesh.js";
import { missing } from "./tools.js";

/** Relays TCP as shortly as Node can. */
const RELAY_SCRIPT = fileURLToPath(new URL("./relay.js", import.meta.url));

/** Name of the variant that level off is compared with. */
export const RELAY = "node relay";

async function startMemcached(prefix: readonly string[], port: number): Promise<Running> {
  const user = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
  const flags = [...user, "-l", "127.0.0.1", "-p", String(port), "-U", "0", "-t", "1", "-m", "256"];
  const running = start([...prefix, "memcached", ...flags]);
  await running.listens(port);
  return running;
}

/** memcached with nothing before it, one thread. */
const direct: Variant = {
  name: BASELINE,
  unavailable: async () => missing("memcached"),
  async start() {
    const port = await freePort();
    const service = await startMemcached([], port);
    return { port, pids: [service.pid], clientPrefix: [], stop: () => service.stop() };
  },
};

const relay: Variant = {
  name: RELAY,
  unavailable: async () => missing("memcached"),
  async start() {
    const [port, behind] = [await freePort(), await freePort()];
    const service = await startMemcached([], behind);
    const between = start([process.execPath, RELAY_SCRIPT, String(port), String(behind)]);
    await between.listens(port);
    return {
      port,
      pids: [between.pid, service.pid],
      clientPrefix: [],
      async stop() {
        await between.stop();
        await service.stop();
      },
    };
  },
};

/**
 * sockmesh at a level.
 * @param looks with a rule on commands and the prefix of keys; false: peer and port alone are judged, not the commands
 */
function sockmesh(level: Level, name: string = level, looks = true): Variant {
  const unavailable = async (): Promise<string | undefined> => {
    const { name: kind, level: reached } = await engine();
    const reaches = LEVELS.indexOf(reached) >= LEVELS.indexOf(level);
    return missing("memcached") ?? (reaches ? undefined : `the ${kind} engine reaches ${reached}`);
  };
  return { name, unavailable, start: () => startBehind(level, looks) };
}

async function startBehind(level: Level, looks: boolean): Promise<Target> {
  const [port, forward] = [await freePort(), await freePort()];
  const listen = [
    { address: `127.0.0.1:${forward}`, service: `127.0.0.1:${port}`, labels: { app: "cache" } },
  ];
  const agent = await startAgent({ level, policy: policy(port, looks), listen });
  const captures = (await agent.status()).engine.name === "kernel";
  const as = (label: string): string[] =>
    captures ? [...SOCKMESH, "exec", "--socket", agent.socket, "--label", `app=${label}`, "--"] : [];
  const service = await startMemcached(as("cache"), port);
  return {
    port: captures ? port : forward,
    pids: [agent.pid, service.pid],
    clientPrefix: as("client"),
    async stop() {
      await service.stop();
      await agent.stop();
    },
  };
}

function policy(port: number, looks: boolean): string {
  return `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: bench }
spec:
  endpointSelector: { matchLabels: { app: cache } }
  ingress:
    - toPorts:
        - ports: [{ port: "${port}", protocol: TCP }]
${looks ? "          rules: { memcached: [{ commands: [read, write], keys: [{ prefix: bench. }] }] }\n" : ""}`;
}

/** All ways to a memcached. */
export const MEMCACHED_VARIANTS: readonly Variant[] = [
  direct,
  relay,
  ...LEVELS.map((level) => sockmesh(level)),
];

/** No command is looked at: what moving the bytes alone can reach here, and what judging costs of it. */
export const PORTS_ONLY = sockmesh("splice", "ports only", false);
