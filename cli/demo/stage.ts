// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, scratch, start, type Running } from "../../bench/harness/process.js";
import { SockmeshError } from "../../core/errors.js";
import type { Level } from "../../sockmap/engine.js";
import { askStatus } from "../agent/client.js";
import type { AgentStatus } from "../agent/messages.js";
import { PACKAGE_ROOT } from "../version.js";

/** Who speaks in the demo; the labels of the example's policy. */
export type Role = "frontend" | "guest";

/** The example's port, which the demo replaces by a free one. */
const EXAMPLE_PORT = "8080";
const START_MS = 20_000;

/** The agent with one service behind it, and ways to speak to it as somebody. */
export interface Stage {
  readonly agent: AgentStatus;
  /** Process that judges, for CPU time. */
  readonly agentPid: number;
  /** Port where the service is reached; `direct`: without a sidecar between. */
  port(level: Level | "direct"): number;
  /** Starts the service; `direct`: as an ordinary process. */
  startService(level: Level | "direct"): Promise<Running>;
  /** Command line that runs a command as somebody. */
  as(role: Role): readonly string[];
  /** Address that somebody connects from; undefined: any. */
  addressOf(role: Role): string | undefined;
  status(): Promise<AgentStatus>;
  stop(): Promise<void>;
}

/** A file of the example. Throws SM_TOOL_MISSING where the installation has no examples. */
export function example(name: string): string {
  const path = join(PACKAGE_ROOT, "examples", "http", name);
  if (!statSync(path, { throwIfNoEntry: false }))
    throw new SockmeshError(
      "SM_TOOL_MISSING",
      `${path} is missing: run the demo from a clone of the sources`,
    );
  return path;
}

/** Starts the agent, with endpoints where the kernel captures, else with explicit forwards. */
export async function startStage(): Promise<Stage> {
  const folder = scratch();
  const socket = join(folder, "agent.sock");
  const service = await freePort();
  const forward = await freePort();
  const policies = join(folder, "policies");
  mkdirSync(policies);
  const policy = readFileSync(example("policy.yaml"), "utf8");
  writeFileSync(join(policies, "shop.yaml"), policy.replaceAll(`"${EXAMPLE_PORT}"`, `"${service}"`));
  const config = join(folder, "sockmesh.yaml");
  // JSON is YAML. Without BPF, who somebody is depends on the address they come from; wrk comes from 127.0.0.1.
  writeFileSync(
    config,
    JSON.stringify({
      policies,
      socket,
      listen: [{ address: `127.0.0.1:${forward}`, service: `127.0.0.1:${service}`, labels: { app: "shop" } }],
      addresses: [
        { cidr: "127.0.0.1", labels: { app: "frontend" } },
        { cidr: FRONTEND, labels: { app: "frontend" } },
        { cidr: GUEST, labels: { app: "guest" } },
      ],
    }),
  );
  const agent = start([...sockmesh(), "run", "--config", config]);
  const status = (): Promise<AgentStatus> => askStatus(socket);
  const first = await untilReady(agent, status);
  const captures = first.engine.name === "kernel";
  const exec = (label: string, more: readonly string[] = []): string[] => [
    ...sockmesh(),
    ...["exec", "--socket", socket, "--label", label, ...more, "--"],
  ];
  return {
    agent: first,
    agentPid: agent.pid,
    port: (level) => (captures || level === "direct" ? service : forward),
    async startService(level) {
      const prefix = captures && level !== "direct" ? exec("app=shop", ["--level", level]) : [];
      const running = start([...prefix, process.execPath, example("shop.mjs"), String(service)]);
      await running.listens(service);
      return running;
    },
    as: (role) => (captures ? exec(`app=${role}`) : []),
    addressOf: (role) => (captures ? undefined : role === "guest" ? GUEST : FRONTEND),
    status,
    stop: () => agent.stop(),
  };
}

const FRONTEND = "127.0.1.1";
const GUEST = "127.0.1.2";

/** This very program. */
function sockmesh(): string[] {
  return [process.execPath, fileURLToPath(new URL("../main.js", import.meta.url))];
}

async function untilReady(agent: Running, status: () => Promise<AgentStatus>): Promise<AgentStatus> {
  let ended: Error | undefined;
  agent.done().then(
    () => (ended = new Error("the agent ended")),
    (thrown: Error) => (ended = thrown),
  );
  for (const until = performance.now() + START_MS; ;) {
    try {
      return await status();
    } catch (thrown) {
      if (ended || performance.now() > until) throw ended ?? thrown;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
