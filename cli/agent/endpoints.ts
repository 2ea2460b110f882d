// SPDX-License-Identifier: Apache-2.0
import { readFileSync, watch, type FSWatcher } from "node:fs";
import type { Clock } from "../../core/clock.js";
import { asSockmeshError, SockmeshError } from "../../core/errors.js";
import type { Log } from "../../core/log.js";
import type { EndpointTable } from "../../l7policy/identity/endpoints.js";
import type { NamedPort } from "../../l7policy/identity/tables.js";
import type { Identity, Labels } from "../../l7policy/policy.js";
import type { Level, Release, SocketEngine } from "../../sockmap/engine.js";
import { moveMembers, removeCgroup } from "../cgroup.js";
import type { Acknowledgement } from "./enforcement.js";
import type { EndpointRequest, EndpointStatus } from "./messages.js";

const LAST_NUMBER = 65_535;

/** What the registry needs from the rest of the agent. */
export interface EndpointParts {
  readonly engine: SocketEngine;
  readonly log: Log;
  /** Level of endpoints that ask for none. */
  readonly level: Level;
  /** Highest level of any endpoint. */
  readonly highest: Level;
  /** Makes the cgroup of an endpoint; throws SM_CGROUP. */
  makeCgroup(number: number): string;
  /** Who endpoints are, by their number as a text. */
  readonly identities: EndpointTable;
  /** Called when an identity has come to this node, before anything of it is judged. */
  arrives(identity: Identity): Promise<void>;
  readonly clock: Clock;
  /** The revision in force. */
  revision(): number;
  /** Ports of an identity's endpoints that take no datagrams, as `SocketEngine.closeUdp` wants them. */
  closedToDatagrams(identity: Identity): readonly number[];
  /** Names of ports in rules for an identity that none of its endpoints gives a port. */
  portsUnknown(identity: Identity): readonly string[];
  /** True when its outgoing connects must go through the sidecar. */
  restrictsEgress(identity: Identity): boolean;
  /** True when it must be recorded which processes connect. */
  namesProcesses(): boolean;
}

interface Endpoint extends Omit<EndpointStatus, "identity" | "labels" | "policy"> {
  labels: Labels;
  readonly origin: string;
  readonly release: Release;
  policy: Acknowledgement;
  watcher: FSWatcher | undefined;
}

const LEVELS: readonly Level[] = ["off", "shortcut", "splice"];

function lower(a: Level, b: Level): Level {
  return LEVELS.indexOf(a) < LEVELS.indexOf(b) ? a : b;
}

/**
 * The workloads of this node. An endpoint is made before its first process runs and ends when its cgroup is empty and
 * the connection that asked for it is closed, so neither a crash of `exec` nor of the command leaves anything.
 */
export class Endpoints {
  private readonly byNumber = new Map<number, Endpoint>();
  private next = 1;

  constructor(private readonly parts: EndpointParts) {}

  /** Makes an endpoint. Throws SM_CGROUP, SM_BPF_ATTACH, SM_CONFIG_INVALID or SM_LIMIT with nothing left behind. */
  async add(request: EndpointRequest): Promise<EndpointStatus> {
    const { engine, makeCgroup, restrictsEgress, closedToDatagrams, identities, clock } = this.parts;
    const since = clock.now();
    const number = this.freeNumber();
    const { name, labels, optOutPorts, origin, ports = {} } = request;
    const identity = identities.set(String(number), { labels, ports: namedPorts(ports) });
    const level = lower(request.level ?? this.parts.level, this.parts.highest);
    let cgroup: string | undefined;
    let release: Release;
    try {
      await this.parts.arrives(identity);
      cgroup = makeCgroup(number);
      const captureEgress = restrictsEgress(identity);
      engine.closeUdp(number, closedToDatagrams(identity));
      const recordProcesses = this.parts.namesProcesses();
      const terms = { number, cgroup, level, optOutPorts, captureEgress, recordProcesses };
      release = await engine.addEndpoint(terms);
    } catch (thrown) {
      engine.closeUdp(number, []);
      identities.delete(String(number));
      if (cgroup !== undefined) await removeCgroup(cgroup);
      throw thrown;
    }
    const policy = this.acknowledgement(since);
    const endpoint = { number, name, labels, cgroup, level, optOutPorts, ports, policy };
    this.byNumber.set(number, { ...endpoint, origin, release, watcher: undefined });
    // Another revision may have come meanwhile, which did not know of it.
    this.enforce([number]);
    this.parts.log.info({ endpoint: number, name, labels, identity }, "endpoint added");
    return { ...endpoint, identity };
  }

  /** Gives an endpoint other labels; its identity follows after the grace time. Throws SM_ENDPOINT, SM_CONFIG_INVALID. */
  relabel(number: number, labels: Labels): EndpointStatus {
    const endpoint = this.byNumber.get(number);
    if (!endpoint) throw new SockmeshError("SM_ENDPOINT", `there is no endpoint ${number}`);
    this.parts.identities.set(String(number), { labels, ports: namedPorts(endpoint.ports) });
    endpoint.labels = labels;
    this.parts.log.info({ endpoint: number, labels }, "endpoint gets other labels");
    return this.statusOf(endpoint);
  }

  /**
   * Puts what the kernel must do for the rules of endpoints in place, before these are in force: egress that they restrict
   * is captured, ports that they close to datagrams are closed, processes that they name are recorded. What fails is told in the endpoint's status.
   */
  enforce(numbers: Iterable<number> = this.byNumber.keys()): void {
    const { engine, log, restrictsEgress, closedToDatagrams, portsUnknown } = this.parts;
    const recordProcesses = this.parts.namesProcesses();
    for (const number of numbers) {
      const endpoint = this.byNumber.get(number);
      const identity = this.identityOf(number);
      if (!endpoint || identity === undefined) continue;
      const names = portsUnknown(identity);
      if (names.length > 0)
        log.warn(
          { endpoint: number, names },
          "rules name ports that the endpoint does not: they fit nothing",
        );
      const { revision, ms } = endpoint.policy;
      endpoint.policy = { revision, ms };
      try {
        engine.closeUdp(number, closedToDatagrams(identity));
        engine.captureEgress(number, restrictsEgress(identity));
        engine.recordProcesses(number, recordProcesses);
      } catch (thrown) {
        const error = asSockmeshError(thrown, "SM_BPF_ATTACH").message;
        endpoint.policy = { revision, ms, error };
        log.error({ endpoint: number, error }, "the kernel does not do what its rules need");
      }
    }
  }

  /** The revision in force judges endpoints; those that the kernel could not do its part for stay at theirs. */
  acknowledge(since: number, numbers: Iterable<number> = this.byNumber.keys()): void {
    for (const number of numbers) {
      const endpoint = this.byNumber.get(number);
      if (endpoint && endpoint.policy.error === undefined) endpoint.policy = this.acknowledgement(since);
    }
  }

  /** The identity that an endpoint has now; undefined when it has ended. */
  identityOf(number: number): Identity | undefined {
    return this.byNumber.has(number) ? this.parts.identities.identityOf(String(number)) : undefined;
  }

  /** Identities of all endpoints. */
  identities(): Identity[] {
    return [...new Set([...this.byNumber.keys()].flatMap((number) => this.identityOf(number) ?? []))];
  }

  private acknowledgement(since: number): Acknowledgement {
    const ms = Math.round((this.parts.clock.now() - since) * 10) / 10;
    return { revision: this.parts.revision(), ms };
  }

  /** From now on the endpoint ends when its cgroup is empty, which it may be already. */
  removeWhenEmpty(number: number): void {
    const endpoint = this.byNumber.get(number);
    if (!endpoint || endpoint.watcher) return;
    const look = (): void => {
      if (!populated(endpoint.cgroup)) void this.remove(number);
    };
    // The kernel reports changes of this file as modifications (cgroup-v2, "populated").
    endpoint.watcher = watch(`${endpoint.cgroup}/cgroup.events`, look);
    look();
  }

  /** All endpoints, oldest number first. */
  list(): EndpointStatus[] {
    return Array.from(this.byNumber.values(), (endpoint) => this.statusOf(endpoint));
  }

  private statusOf({
    number,
    name,
    labels,
    cgroup,
    level,
    optOutPorts,
    ports,
    policy,
  }: Endpoint): EndpointStatus {
    const identity = this.identityOf(number) ?? 0;
    return { number, name, labels, identity, cgroup, level, optOutPorts, ports, policy };
  }

  /** Ends all endpoints. Their processes go on where they came from, without policy. */
  async close(): Promise<void> {
    for (const { number, cgroup, origin } of [...this.byNumber.values()]) {
      const moved = moveMembers(cgroup, origin);
      if (moved > 0)
        this.parts.log.warn({ endpoint: number, processes: moved }, "processes go on without policy");
      await this.remove(number);
    }
  }

  private async remove(number: number): Promise<void> {
    const endpoint = this.byNumber.get(number);
    if (!endpoint) return;
    this.byNumber.delete(number);
    this.parts.identities.delete(String(number));
    endpoint.watcher?.close();
    await endpoint.release();
    const removed = await removeCgroup(endpoint.cgroup);
    const { log } = this.parts;
    if (removed) log.info({ endpoint: number, name: endpoint.name }, "endpoint removed");
    else log.warn({ endpoint: number, cgroup: endpoint.cgroup }, "cgroup could not be removed");
  }

  /** Numbers go round, so that a late event about an old endpoint does not meet a new one. */
  private freeNumber(): number {
    for (let tries = 0; tries < LAST_NUMBER; tries++) {
      const number = this.next;
      this.next = (this.next % LAST_NUMBER) + 1;
      if (!this.byNumber.has(number)) return number;
    }
    throw new SockmeshError("SM_LIMIT", `there are ${LAST_NUMBER} endpoints already`);
  }
}

/** Ports as the configuration and `exec` name them: of TCP. */
export function namedPorts(ports: Readonly<Record<string, number>> = {}): NamedPort[] {
  return Object.entries(ports).map(([name, port]) => ({ name, port, transport: "TCP" }));
}

function populated(cgroup: string): boolean {
  try {
    return readFileSync(`${cgroup}/cgroup.events`, "latin1").includes("populated 1");
  } catch {
    return false; // Somebody removed it: nothing can run there.
  }
}
