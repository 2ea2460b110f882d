// SPDX-License-Identifier: Apache-2.0
import { readFileSync, watch, type FSWatcher } from "node:fs";
import { SockmeshError } from "../../core/errors.js";
import type { Log } from "../../core/log.js";
import type { Identity, Labels } from "../../l7policy/policy.js";
import type { Level, Release, SocketEngine } from "../../sockmap/engine.js";
import { moveMembers, removeCgroup } from "../cgroup.js";
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
  /** Number of a label set; the policy knows it when this returns. */
  identityOf(labels: Labels): Identity;
  /** Ports of an identity's endpoints that take no datagrams, as `SocketEngine.closeUdp` wants them. */
  closedToDatagrams(identity: Identity): readonly number[];
  /** True when its outgoing connects must go through the sidecar. */
  restrictsEgress(identity: Identity): boolean;
}

interface Endpoint extends EndpointStatus {
  readonly origin: string;
  readonly release: Release;
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

  /** Makes an endpoint. Throws SM_CGROUP, SM_BPF_ATTACH or SM_LIMIT with nothing left behind. */
  async add(request: EndpointRequest): Promise<EndpointStatus> {
    const { engine, makeCgroup, identityOf, restrictsEgress, closedToDatagrams } = this.parts;
    const number = this.freeNumber();
    const identity = identityOf(request.labels);
    const cgroup = makeCgroup(number);
    const level = lower(request.level ?? this.parts.level, this.parts.highest);
    const { name, labels, optOutPorts, origin } = request;
    let release: Release;
    try {
      const captureEgress = restrictsEgress(identity);
      engine.closeUdp(number, closedToDatagrams(identity));
      release = await engine.addEndpoint({ number, cgroup, level, optOutPorts, captureEgress });
    } catch (thrown) {
      engine.closeUdp(number, []);
      await removeCgroup(cgroup);
      throw thrown;
    }
    const status = { number, name, labels, identity, cgroup, level, optOutPorts };
    this.byNumber.set(number, { ...status, origin, release, watcher: undefined });
    this.parts.log.info({ endpoint: number, name, labels, identity }, "endpoint added");
    return status;
  }

  /** Another policy is about to be in force: what it closes is closed. */
  policyChanged(): void {
    const { engine, log, closedToDatagrams } = this.parts;
    for (const { number, identity } of this.byNumber.values()) {
      try {
        engine.closeUdp(number, closedToDatagrams(identity));
      } catch (thrown) {
        log.error({ endpoint: number, cause: String(thrown) }, "ports are not closed to datagrams");
      }
    }
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

  /** An endpoint's terms, or undefined. */
  get(number: number): EndpointStatus | undefined {
    return this.byNumber.get(number);
  }

  /** All endpoints, oldest number first. */
  list(): EndpointStatus[] {
    return [...this.byNumber.values()].map(
      ({ number, name, labels, identity, cgroup, level, optOutPorts }) => ({
        number,
        name,
        labels,
        identity,
        cgroup,
        level,
        optOutPorts,
      }),
    );
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

function populated(cgroup: string): boolean {
  try {
    return readFileSync(`${cgroup}/cgroup.events`, "latin1").includes("populated 1");
  } catch {
    return false; // Somebody removed it: nothing can run there.
  }
}
