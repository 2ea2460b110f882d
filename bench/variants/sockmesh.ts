// SPDX-License-Identifier: Apache-2.0
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { askStatus } from "../../cli/agent/client.js";
import type { AgentStatus } from "../../cli/agent/messages.js";
import type { Level } from "../../sockmap/engine.js";
import { freePort, scratch, start } from "../harness/process.js";
import type { Target, Variant } from "../harness/runner.js";
import { RULE, rulePaths, verified } from "./policy.js";
import { startService } from "./service.js";
import { missing } from "./tools.js";

/** The built command line: the bench uses sockmesh as a user does. */
export const SOCKMESH = [process.execPath, fileURLToPath(new URL("../../cli/main.js", import.meta.url))];

/** Levels in rising order. */
export const LEVELS: readonly Level[] = ["off", "shortcut", "splice"];

/** A service behind a sidecar, with what the memory figures need. */
export interface SockmeshTarget extends Target {
  readonly agentPid: number;
  status(): Promise<AgentStatus>;
}

/**
 * sockmesh at one level. Where the kernel captures, service and load generator are endpoints; else it forwards.
 * @param rules how many, see `rulePaths`; 0: peer and port alone are judged, not the requests
 */
export function sockmesh(level: Level, name: string = level, rules = 1): Variant {
  const unavailable = async (): Promise<string | undefined> => {
    const noService = missing("nginx");
    if (noService) return noService;
    const { name, level: reached, because } = await engine();
    if (LEVELS.indexOf(reached) >= LEVELS.indexOf(level)) return undefined;
    return `the ${name} engine reaches ${reached}${because ? `: ${because}` : ""}`;
  };
  return verified({ name, unavailable, start: () => startSockmesh(level, rules) }, rules > 0);
}

/** Starts an agent with the bench's policy, and the service behind it. */
export async function startSockmesh(level: Level, rules = 1): Promise<SockmeshTarget> {
  const service = await freePort();
  const forward = await freePort();
  const agent = await startAgent({
    level,
    policy: policy(service, rules),
    listen: [
      { address: `127.0.0.1:${forward}`, service: `127.0.0.1:${service}`, labels: { app: "bench-service" } },
    ],
  });
  try {
    const captures = (await agent.status()).engine.name === "kernel";
    const as = (label: string): string[] =>
      captures ? [...SOCKMESH, "exec", "--socket", agent.socket, "--label", `app=${label}`, "--"] : [];
    const server = await startService(as("bench-service"), service);
    return {
      port: captures ? service : forward,
      pids: [agent.pid, server.process.pid],
      clientPrefix: as("bench-client"),
      agentPid: agent.pid,
      status: agent.status,
      async stop() {
        await server.stop();
        await agent.stop();
      },
    };
  } catch (thrown) {
    await agent.stop();
    throw thrown;
  }
}

let probed: Promise<AgentStatus["engine"]> | undefined;

/** The engine that an agent gets on this machine. */
export function engine(): Promise<AgentStatus["engine"]> {
  probed ??= (async () => {
    const agent = await startAgent({ level: "splice" });
    try {
      return (await agent.status()).engine;
    } finally {
      await agent.stop();
    }
  })();
  return probed;
}

/** Starts an agent and waits until it answers. */
export async function startAgent(terms: {
  level: Level;
  policy?: string;
  listen?: readonly object[];
}): Promise<{
  readonly pid: number;
  readonly socket: string;
  status(): Promise<AgentStatus>;
  stop(): Promise<void>;
}> {
  const folder = scratch();
  const socket = join(folder, "agent.sock");
  const policies = join(folder, "policy.yaml");
  const config = join(folder, "sockmesh.yaml");
  if (terms.policy) writeFileSync(policies, terms.policy);
  const { level, listen = [] } = terms;
  // JSON is YAML.
  writeFileSync(config, JSON.stringify({ socket, level, listen, ...(terms.policy && { policies }) }));
  const running = start([...SOCKMESH, "run", "--config", config]);
  const status = (): Promise<AgentStatus> => askStatus(socket);
  const stop = async (): Promise<void> => {
    await running.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const answers = (): Promise<boolean> =>
      status().then(
        () => true,
        () => false,
      );
    await running.until(answers, "answer at its socket");
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  return { pid: running.pid, socket, status, stop };
}

/** {@link RULE} as a user writes it, and more like it. */
function policy(port: number, rules: number): string {
  const http = rulePaths(rules).map(
    (path) => `              - method: ${RULE.method}
                path: ${path}
                headers:
                  - "${RULE.header.name}: ${RULE.header.value}"
`,
  );
  return `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: bench
spec:
  endpointSelector:
    matchLabels:
      app: bench-service
  ingress:
    - toPorts:
        - ports:
            - port: "${port}"
              protocol: TCP
${rules === 0 ? "" : `          rules:\n            http:\n${http.join("")}`}`;
}
