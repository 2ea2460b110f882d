// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { askStatus } from "../../cli/agent/client.js";
import type { AgentStatus } from "../../cli/agent/messages.js";
import { cgroup2Root } from "../../cli/cgroup.js";
import { examine, thisMachine } from "../../cli/machine.js";

/** Words before a command that is to run without root. It may read all files: the project may lie in root's home. */
export const WITHOUT_ROOT: readonly string[] =
  process.getuid?.() === 0
    ? "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+dac_read_search --ambient-caps=+dac_read_search".split(
        " ",
      )
    : [];

/** The built command line; `make test` builds before it tests. */
export const SOCKMESH = [process.execPath, resolve("dist/cli/main.js")] as const;

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs. */
export interface Program {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Past any usual test's own time: a program that hangs fails its test instead of the whole run. */
const LAUNCH_MS = 110_000;

/** Starts a program; what it prints is collected. Killed after `timeout` milliseconds. */
export function launch(
  command: readonly string[],
  env: NodeJS.ProcessEnv = {},
  timeout = LAUNCH_MS,
): Program {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
    timeout,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<Ended>((done, fail) => {
    child.once("error", fail);
    child.once("close", (code, signal) => done({ code, signal, stdout, stderr }));
  });
  return { child, ended };
}

/** Kills what a test has left running, and stops its agent when nothing of it runs any more. Empties `programs`. */
export async function endAll(programs: Program[], agent?: TestAgent): Promise<void> {
  for (const { child } of programs) child.kill("SIGKILL");
  await Promise.all(programs.splice(0).map(({ ended }) => ended));
  await agent?.stop();
}

/** Runs a program to its end. */
export function runs(command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return launch(command, env).ended;
}

/** Seconds that anything may take; an emulated machine needs more. */
const PATIENCE = Number(process.env["TEST_PATIENCE"] ?? 30);

/** Waits until something holds; fails with `what` after half a minute. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + PATIENCE * 1000; !(await holds());) {
    if (performance.now() > end) throw new Error(`not within ${PATIENCE} seconds: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** Waits until a program has printed a word. */
export function says(program: Program, word: string): Promise<void> {
  let text = "";
  program.child.stdout?.on("data", (more: string) => (text += more));
  let ended: Ended | undefined;
  void program.ended.then((how) => (ended = how));
  return until(`it says ${word}`, () => {
    if (ended) throw new Error(`it ended: ${ended.stderr}`);
    return text.includes(word);
  });
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

/** True when something accepts connections on a port of 127.0.0.1. */
export function listens(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => done(true)).once("error", () => done(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** Whether the kernel engine can run here; a failure instead of "no" where REQUIRE_KERNEL=1. */
export async function kernelEngine(): Promise<boolean> {
  const lacking = (await examine(thisMachine)).filter(({ required, answer }) => required && answer === "no");
  if (lacking.length > 0 && process.env["REQUIRE_KERNEL"] === "1")
    throw new Error(
      `REQUIRE_KERNEL=1, but: ${lacking.map(({ name, reason }) => `${name}: ${reason}`).join("; ")}`,
    );
  return lacking.length === 0;
}

/** Folder of an agent's cgroups. */
export function cgroupsOf(pid: number): string {
  return join(cgroup2Root(), `sockmesh-${pid}`);
}

/** Numbers of the kernel's programs that a process holds, itself or by their links. */
export function programsOf(pid: number): number[] {
  const folder = `/proc/${pid}/fdinfo`;
  const ids = readdirSync(folder).flatMap((fd) => {
    try {
      return /^prog_id:\s*(\d+)$/m.exec(readFileSync(join(folder, fd), "latin1"))?.[1] ?? [];
    } catch {
      return []; // closed meanwhile
    }
  });
  return [...new Set(ids.map(Number))];
}

/** Those of some programs that the kernel still has. */
export async function stillLoaded(ids: readonly number[]): Promise<number[]> {
  const { stdout } = await runs(["bpftool", "prog", "show", "--json"], {
    PATH: `${process.env["PATH"]}:/usr/sbin`,
  });
  return (JSON.parse(stdout) as { id: number }[]).flatMap(({ id }) => (ids.includes(id) ? [id] : []));
}

/** An agent that a test started, in a folder of its own. */
export class TestAgent {
  private constructor(
    readonly folder: string,
    readonly socket: string,
    readonly policies: string,
    readonly program: Program,
  ) {}

  /**
   * Starts `sockmesh run` and waits until it answers.
   * @param policy first policy file
   * @param config more of the configuration file; the level is shortcut where it says none
   * @param prefix command that runs it, e.g. as another user
   * @param more its environment, and its time
   */
  static async start(
    policy: string,
    config: object = {},
    prefix: readonly string[] = [],
    more: { env?: NodeJS.ProcessEnv; timeout?: number } = {},
  ): Promise<TestAgent> {
    const folder = mkdtempSync(join(tmpdir(), "sockmesh-e2e-"));
    const socket = join(folder, "run", "agent.sock");
    const policies = join(folder, "policy.yaml");
    writeFileSync(policies, policy);
    writeFileSync(
      join(folder, "sockmesh.yaml"),
      JSON.stringify({ socket, policies, level: "shortcut", ...config }),
    );
    // Others must get in when the agent runs as another user.
    const open = await runs(["chmod", "-R", "a+rwX", folder]);
    if (open.code !== 0) throw new Error(open.stderr);
    const run = [...prefix, ...SOCKMESH, "run", "--config", join(folder, "sockmesh.yaml")];
    const program = launch(run, more.env, more.timeout);
    const agent = new TestAgent(folder, socket, policies, program);
    let ended: Ended | undefined;
    void program.ended.then((how) => (ended = how));
    try {
      await until("the agent answers", async () => {
        if (ended) throw new Error(`the agent ended: ${ended.stderr}`);
        return agent.status().then(
          () => true,
          () => false,
        );
      });
    } catch (thrown) {
      await agent.stop();
      throw thrown;
    }
    return agent;
  }

  status(): Promise<AgentStatus> {
    return askStatus(this.socket);
  }

  /** Command line that runs a command as an endpoint. */
  exec(labels: string, command: readonly string[], more: readonly string[] = []): string[] {
    const flags = labels.split(",").flatMap((label) => ["--label", label]);
    return [...SOCKMESH, "exec", "--socket", this.socket, ...flags, ...more, "--", ...command];
  }

  /** Ends it in order and removes its folder. */
  async stop(): Promise<Ended> {
    this.program.child.kill("SIGTERM");
    const ended = await this.program.ended;
    rmSync(this.folder, { recursive: true, force: true });
    return ended;
  }
}

/** A policy for one port: labels that may connect, and the HTTP rules in YAML flow style. */
export function policyFor(service: string, port: number, clients: readonly string[], http: string): string {
  const from = clients.map((app) => `{ matchLabels: { app: ${app} } }`).join(", ");
  return `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: test }
spec:
  endpointSelector: { matchLabels: { app: ${service} } }
  ingress:
    - fromEndpoints: [${from}]
      toPorts:
        - ports: [{ port: "${port}", protocol: TCP }]
          rules: { http: [${http}] }
`;
}
