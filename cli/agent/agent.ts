// SPDX-License-Identifier: Apache-2.0
import { rmSync } from "node:fs";
import type { Server } from "node:net";
import type { Clock } from "../../core/clock.js";
import { asSockmeshError, SockmeshError } from "../../core/errors.js";
import type { Log } from "../../core/log.js";
import { EndpointTable } from "../../l7policy/identity/endpoints.js";
import { PrefixTable, type Identity } from "../../l7policy/index.js";
import type { AccessEntry } from "../../proxy/context.js";
import { Sidecar } from "../../proxy/sidecar.js";
import { NO_TOTALS, type SocketEngine } from "../../sockmap/engine.js";
import { parsePrefix } from "../../core/address.js";
import { parseHostPort } from "../address.js";
import type { Config } from "../config.js";
import { cgroup2Root } from "../cgroup.js";
import type { Machine } from "../machine.js";
import { VERSION } from "../version.js";
import { ownAddresses } from "./addresses.js";
import { CompilerThread } from "./compiler.js";
import { serveControl, type ControlHandler } from "./control.js";
import { demandsOf } from "./demands.js";
import { Endpoints, namedPorts } from "./endpoints.js";
import { Enforcement } from "./enforcement.js";
import { planEngine, type EnginePlan } from "./engine.js";
import { forwardsOf, makeIdentify } from "./identify.js";
import { PROTOCOLS } from "./abilities.js";
import { Processes } from "./processes.js";
import type { AgentStatus } from "./messages.js";
import { NO_POLICIES, watchPolicies, type LoadedPolicies } from "./policies.js";

/** What an agent is made with; effects enter here. */
export interface AgentParts {
  readonly config: Config;
  readonly machine: Machine;
  readonly clock: Clock;
  readonly log: Log;
  readonly pid: number;
  readonly access: ((entry: AccessEntry) => void) | undefined;
}

/** Agent and sidecar of one machine in one process. Made by {@link startAgent}. */
export class Agent {
  private readonly identities: EndpointTable;
  private readonly addresses = new PrefixTable<Identity>();
  private readonly sidecar: Sidecar;
  private readonly listen: { address: string; service: string }[] = [];
  /** Identities of services that explicit listeners lead to. */
  private readonly forwarded: readonly Identity[];
  private engine: SocketEngine | undefined;
  private endpoints: Endpoints | undefined;
  private control: Server | undefined;
  private policies = { again: (): void => {}, close: (): void => {} };
  /** When a change of the policies was noticed that nobody has looked at yet. */
  private changedAt: number | undefined;
  private changing = false;

  constructor(
    private readonly parts: AgentParts,
    private readonly plan: EnginePlan,
    private readonly compiler: CompilerThread,
    private readonly enforcement: Enforcement,
  ) {
    const { config, clock, log, access } = parts;
    const { identities, portNames } = this.enforcement.store;
    this.identities = new EndpointTable(
      identities,
      portNames,
      clock,
      (name, identity) => this.identityChanged(Number(name), identity),
      config.identityGraceMs,
    );
    for (const { cidr, labels, ports } of config.addresses) {
      const prefix = parsePrefix(cidr);
      const identity = this.identities.set(`address ${cidr}`, { labels, ports: namedPorts(ports) });
      if (prefix) this.addresses.set(prefix, identity);
    }
    const forwards = forwardsOf(config.listen, ({ address, labels, ports }) =>
      this.identities.set(`listen ${address}`, { labels, ports: namedPorts(ports) }),
    );
    const processes = new Processes(cgroup2Root);
    const identify = makeIdentify({
      processOf: (process) => processes.of(process),
      endpointIdentity: (number) => this.endpoints?.identityOf(number),
      addresses: this.addresses,
      forwards,
      worldOf: (address) => this.enforcement.policy.worldOf(address),
      interfaces: ownAddresses(clock),
    });
    this.forwarded = [...forwards.values()].map(({ identity }) => identity);
    const { limits } = config;
    this.sidecar = new Sidecar({
      limits,
      clock,
      log,
      protocols: PROTOCOLS,
      policy: this.enforcement.policy,
      identify,
      keepStreams: config.openStreams === "keep",
      access,
    });
    enforcement.tablesReady = () => this.sidecar.tablesReady();
  }

  /** Opens listeners and the control socket. After a failure `close` undoes what was done. */
  async start(): Promise<void> {
    const { config, clock, log } = this.parts;
    for (const identity of this.forwarded) await this.enforcement.prepareIdentity(identity);
    const engine = await this.sidecar.capture((socketFd) => this.plan.make(socketFd));
    this.engine = engine;
    this.endpoints = new Endpoints({
      engine,
      log,
      level: config.level,
      // The access log is of every request: what skips the sidecar would be missing in it.
      highest: config.accessLog ? "shortcut" : "splice",
      makeCgroup: (number) => {
        // Without capture nothing would hold its policy: rather no endpoint than an open one.
        if (engine.name !== "kernel" || !this.plan.tree)
          throw new SockmeshError("SM_BPF_UNAVAILABLE", `nothing is captured here: ${engine.because}`);
        return this.plan.tree.endpoint(number);
      },
      identities: this.identities,
      arrives: (identity) => this.enforcement.prepareIdentity(identity),
      ...demandsOf(this.enforcement, config),
      clock,
    });
    for (const { address, service } of config.listen) {
      const { host, port } = parseHostPort(address) as { host: string; port: number };
      await this.sidecar.listen({ address: host, port });
      this.listen.push({ address, service });
    }
    if (config.policies !== undefined)
      this.policies = watchPolicies(config.policies, clock, log, (since) => this.policiesChanged(since));
    this.control = await serveControl(config.socket, this.answer, log);
    log.info(
      { engine: engine.name, reaches: engine.level, socket: config.socket, policies: this.enforcement.files },
      "ready",
    );
  }

  /** Reads the policies anew at once. */
  reload(): void {
    this.policies.again();
  }

  /** Has the kernel run the programs of the installed object; those that run stay when it does not load. */
  upgrade(): void {
    const { log } = this.parts;
    try {
      if (!this.engine?.upgrade) return log.warn({}, "no programs run that could be replaced");
      this.engine.upgrade();
      log.info({}, "programs replaced");
    } catch (thrown) {
      if (!(thrown instanceof SockmeshError)) throw thrown;
      log.error({ code: thrown.code, cause: thrown.message }, "the programs that run stay");
    }
  }

  /** What `sockmesh status` shows. */
  status(): AgentStatus {
    const { config, pid } = this.parts;
    const { engine, enforcement } = this;
    return {
      version: VERSION,
      pid,
      socket: config.socket,
      engine: {
        name: engine?.name ?? "user-space",
        level: engine?.level ?? "off",
        because: engine?.because ?? null,
      },
      policy: {
        revision: enforcement.policy.revision,
        ms: enforcement.ms,
        enforcement: config.enforcement,
        audit: config.audit,
        files: enforcement.files,
        errors: enforcement.problems,
      },
      listen: this.listen,
      endpoints: this.endpoints?.list() ?? [],
      connections: this.sidecar.connections().length,
      outcomes: this.sidecar.counters.snapshot(),
      groups: this.sidecar.groups.snapshot(),
      totals: engine?.totals() ?? NO_TOTALS,
    };
  }

  /** Finishes what is under way, then gives everything back. */
  async close(): Promise<void> {
    const { log, config } = this.parts;
    this.enforcement.closed = true;
    this.policies.close();
    this.compiler.close();
    if (this.control) {
      this.control.close();
      rmSync(config.socket, { force: true });
    }
    await this.sidecar.drain();
    await this.endpoints?.close();
    await this.engine?.stop();
    await this.plan.tree?.remove();
    log.info({}, "stopped");
  }

  /** Changes that come while one is worked out are taken together, after it. */
  private policiesChanged(since: number): void {
    this.changedAt ??= since;
    if (!this.changing) void this.change();
  }

  private async change(): Promise<void> {
    this.changing = true;
    for (let since = this.changedAt; since !== undefined; since = this.changedAt) {
      this.changedAt = undefined;
      const noticed = since;
      const here = (): Identity[] => [...(this.endpoints?.identities() ?? []), ...this.forwarded];
      await this.enforcement.change(readerOf(this.parts, this.compiler), here, noticed, (policy) => {
        this.endpoints?.enforce();
        this.sidecar.setPolicy(policy);
        this.endpoints?.acknowledge(noticed);
      });
    }
    this.changing = false;
  }

  /** The grace time of a change of labels is over. */
  private identityChanged(number: number, identity: Identity): void {
    const { clock, log } = this.parts;
    const since = clock.now();
    this.endpoints?.enforce([number]);
    this.sidecar.identitiesChanged();
    this.endpoints?.acknowledge(since, [number]);
    log.info({ endpoint: number, identity }, "endpoint has another identity");
    this.enforcement.prepareIdentity(identity).catch((thrown: unknown) => {
      if (this.enforcement.closed) return;
      const { message } = asSockmeshError(thrown, "SM_POLICY_REGEX");
      log.error({ endpoint: number, error: message }, "what judges it cannot be compiled");
    });
  }

  private readonly answer: ControlHandler = async (request, onClose) => {
    if (request.op === "status") return { ok: true, status: this.status() };
    const { endpoints } = this;
    if (!endpoints) throw new SockmeshError("SM_ENDPOINT", "the agent is starting");
    if (request.op === "labels")
      return { ok: true, endpoint: endpoints.relabel(request.number, request.labels) };
    const endpoint = await endpoints.add(request);
    // What rules say of the peer's named ports may be otherwise now.
    if (Object.keys(endpoint.ports).length > 0) this.sidecar.identitiesChanged();
    onClose(() => endpoints.removeWhenEmpty(endpoint.number));
    return { ok: true, endpoint };
  };
}

/** Starts an agent; whatever fails, nothing is left behind. */
export async function startAgent(parts: AgentParts): Promise<Agent> {
  const plan = await planEngine(parts.config, parts.machine, parts.pid, parts.log);
  const compiler = new CompilerThread(parts.clock, parts.log);
  let agent: Agent | undefined;
  try {
    const { config, clock, log } = parts;
    const options = { mode: config.enforcement, audit: config.audit };
    const read = readerOf(parts, compiler);
    const enforcement = await Enforcement.start({ options, compiler, clock, log }, read, clock.now());
    agent = new Agent(parts, plan, compiler, enforcement);
    await agent.start();
    return agent;
  } catch (thrown) {
    if (agent) await agent.close();
    else {
      compiler.close();
      await plan.tree?.remove();
    }
    throw thrown;
  }
}

/** Reads what the configuration names; without policies no thread is started. */
function readerOf({ config }: AgentParts, compiler: CompilerThread): () => Promise<LoadedPolicies> {
  const { policies } = config;
  return () => (policies === undefined ? Promise.resolve(NO_POLICIES) : compiler.read(policies));
}
