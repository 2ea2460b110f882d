// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { freePort, launch, says, TestAgent, until, type Ended, type Program } from "./cli.js";
import type { AgentStatus } from "../../cli/agent/messages.js";
import { kernelHas } from "../../sockmap/btf.js";
import type { Level } from "../../sockmap/engine.js";

/** FIONREAD tells of moved bytes where sockmaps have a function of their own for it: then some programs believe it. */
const asking = kernelHas("tcp_bpf_ioctl") === true;

const SOURCES = resolve("test/order");
/** Seconds without a byte until a connection is stuck. */
const PATIENCE = 30;

/** What the client says at its end; see `test/order/report.h`. */
export interface ClientResult {
  readonly requests: number;
  readonly answered: number;
  readonly denied: number;
  /** Unanswered because the plan was to reset, or sent behind a request that closes. */
  readonly abandoned: number;
  readonly connections: number;
  /** Processes with two connections, whose unanswered requests nobody counted. */
  readonly killed: number;
  /** Connections that were reset after the peer had said that it closes, while more was sent. */
  readonly cut: number;
  readonly errors: number;
  readonly stuck: number;
  /** Blocking calls that said EAGAIN: a known fault of sockets in a sockmap. */
  readonly eagain: number;
  readonly seconds: number;
}

/** What the service says at its end. */
export interface ServiceResult {
  readonly requests: number;
  readonly answered: number;
  readonly errors: number;
  readonly eagain: number;
}

/** One run. */
export interface OrderTerms {
  readonly seed: number;
  readonly requests: number;
  /** Connections at a time. */
  readonly connections: number;
  /**
   * Programs that take a short read for the last one, as epoll(7) allows and nginx and libuv do, or believe FIONREAD where
   * it is right.
   */
  readonly trusting?: boolean;
  /** A message in 500 is sent wrongly: drop, double, swap, corrupt, short. */
  readonly clientFault?: string;
  readonly serviceFault?: string;
  /** Seconds without a byte until a connection is stuck. */
  readonly patience?: number;
  readonly timeout: number;
}

/** How a run ended. `said` is what both programs had to say about errors. */
export interface OrderResult {
  readonly client: ClientResult | undefined;
  readonly service: ServiceResult | undefined;
  readonly said: string;
}

/** The client and the service, compiled into a folder of their own; a folder that has them is taken as it is. */
export class OrderPrograms {
  constructor(private readonly folder = mkdtempSync(join(tmpdir(), "sockmesh-order-"))) {
    if (existsSync(this.path("client"))) return;
    const shared = ["side", "fill", "drive", "net", "report", "message", "plan"].map((name) =>
      join(SOURCES, `${name}.c`),
    );
    for (const name of ["client", "server"])
      execFileSync(
        "gcc",
        [
          ..."-std=gnu11 -O2 -Wall -Wextra -Werror -pthread".split(" "),
          join(SOURCES, `${name}.c`),
          ...shared,
          "-o",
          this.path(name),
        ],
        { stdio: ["ignore", "inherit", "inherit"] },
      );
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /**
   * Runs both to their end.
   * @param judges the service denies what policy would: there is no sidecar before it
   * @param as makes a command run as the client or the service that policy knows
   */
  async run(
    terms: OrderTerms,
    port: number,
    judges: boolean,
    as: (who: "client" | "service", command: string[]) => string[] = (_who, command) => command,
  ): Promise<OrderResult> {
    const { seed, requests, connections, trusting, clientFault, serviceFault, patience, timeout } = terms;
    const common = ["-p", String(port), "-s", String(seed), ...(trusting ? [asking ? "-q" : "-t"] : [])];
    const server = [this.path("server"), ...common, ...(judges ? ["-j"] : [])];
    if (serviceFault) server.push("-f", serviceFault);
    const service = launch(as("service", server), {}, timeout);
    let client: Program | undefined;
    try {
      await says(service, "ready");
      const { pid = 0 } = service.child; // exec becomes the command
      const more = ["-n", String(requests), "-c", String(connections), "-w", String(patience ?? PATIENCE)];
      const command = [this.path("client"), ...common, ...more, "-P", String(pid)];
      if (clientFault) command.push("-f", clientFault);
      client = launch(as("client", command), {}, timeout);
      const asked = await client.ended;
      service.child.kill("SIGTERM");
      const served = await service.ended;
      return {
        client: resultOf<ClientResult>(asked),
        service: resultOf<ServiceResult>(served),
        said: `${asked.stderr}${served.stderr}`,
      };
    } finally {
      for (const program of [client, service]) program?.child.kill("SIGKILL");
    }
  }

  private path(name: string): string {
    return join(this.folder, name);
  }
}

/** A run through an agent, both programs as endpoints at a level. */
export async function runThroughAgent(
  programs: OrderPrograms,
  level: Level,
  terms: OrderTerms & {
    readonly tracing: boolean;
    readonly creditBytes: number;
    /** More of the agent's environment. */
    readonly env?: NodeJS.ProcessEnv;
    /** Connections that never end are no reason to fail. */
    readonly mayHang?: boolean;
  },
): Promise<OrderResult & { readonly status: AgentStatus }> {
  const port = await freePort();
  const { tracing, creditBytes, timeout, patience = PATIENCE } = terms;
  // A machine that is too busy to connect in time is not what is tested.
  const config = { creditBytes, limits: { connectMs: patience * 1000 } };
  const agent = await TestAgent.start(orderPolicy(port), config, [], {
    // Blocking readers among the clients must not end the acceleration that is tested.
    env: { ...terms.env, SOCKMESH_TEST_GUARD: "0", ...(tracing ? {} : { SOCKMESH_TEST_TRACING: "0" }) },
    timeout,
  });
  try {
    const result = await programs.run(terms, port, false, (who, command) =>
      agent.exec(`app=order-${who}`, command, ["--level", level]),
    );
    if (!terms.mayHang)
      await until("no connection is left", async () => (await agent.status()).connections === 0);
    return { ...result, status: await agent.status() };
  } finally {
    await agent.stop();
  }
}

/** Levels that the engine of an agent reaches on this machine, lowest first. */
export async function reachableLevels(): Promise<readonly Level[]> {
  const agent = await TestAgent.start("");
  try {
    const { level } = (await agent.status()).engine;
    const all: readonly Level[] = ["off", "shortcut", "splice"];
    return all.slice(0, all.indexOf(level) + 1);
  } finally {
    await agent.stop();
  }
}

/** What `test/order/plan.h` takes for allowed. */
function orderPolicy(port: number): string {
  return `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: order }
spec:
  endpointSelector: { matchLabels: { app: order-service } }
  ingress:
    - fromEndpoints: [{ matchLabels: { app: order-client } }]
      toPorts:
        - ports: [{ port: "${port}", protocol: TCP }]
          rules:
            http:
              - { method: "GET|HEAD|POST|PUT", path: "/h/.*", headers: ["X-Pass: yes"] }
              - { method: "GET|HEAD", path: "/r/.*" }
              - { method: "POST|PUT", path: "/w/.*" }
`;
}

/** The line of JSON at the end; undefined for a program that was killed. */
function resultOf<Result>({ stdout }: Ended): Result | undefined {
  const line = stdout.split("\n").findLast((text) => text.startsWith("{"));
  return line === undefined ? undefined : (JSON.parse(line) as Result);
}
