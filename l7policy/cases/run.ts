// SPDX-License-Identifier: Apache-2.0
import { SockmeshError } from "../../core/errors.js";
import { selectedElsewhere } from "../explain/elsewhere.js";
import { explain, type Explanation } from "../explain/explain.js";
import type { L7Request } from "../families/requests.js";
import type { Policy, Transport } from "../model.js";
import type { ProcessContext, Traffic } from "../policy.js";
import type { ResolvedPolicies } from "../resolve/revision.js";
import { PolicyStore, type PolicyOptions } from "../resolve/store.js";
import type { Case } from "./cases.js";
import { parseRequest } from "./request.js";
import { Population, type World } from "./world.js";

/** Who asks whom for what. */
export interface Inquiry {
  readonly from: string;
  readonly to: string;
  readonly port: number | string;
  readonly protocol?: Transport | undefined;
  readonly process?: ProcessContext | undefined;
  readonly request?: L7Request | undefined;
}

/** What both sides' policies say together. `inspect`: the connection passes and its requests are judged. */
export interface Answer {
  readonly verdict: "allow" | "deny" | "inspect";
  /** The client's egress where it is a workload, the service's ingress where it is one. */
  readonly sides: readonly Explanation[];
}

/** Policies and who there is, to be asked without an agent. */
export class Bench {
  readonly store: PolicyStore;
  readonly revision: ResolvedPolicies;
  readonly population: Population;

  constructor(policies: readonly Policy[], world: World, options: Partial<PolicyOptions> = {}) {
    this.store = new PolicyStore(options);
    this.population = new Population(this.store, world);
    this.revision = this.store.resolve(policies);
  }

  /** Namespaces whose policies would be for a party that is given by labels, were it there. */
  selectedElsewhere(party: string): readonly string[] {
    const { population, revision, store } = this;
    if (population.endpoints.has(party)) return [];
    const { identity, workload } = population.party(party, store.identities, revision);
    return workload ? selectedElsewhere(revision, identity) : [];
  }

  /** Explains one inquiry. Throws SM_USAGE for parties or ports that there are not. */
  ask({ from, to, port, protocol, process, request }: Inquiry): Answer {
    const { population, revision, store } = this;
    const client = population.party(from, store.identities, revision);
    const service = population.party(to, store.identities, revision);
    const number = typeof port === "number" ? port : population.portOf(to, port);
    if (number === undefined) throw new SockmeshError("SM_USAGE", `${to} names no port ${port}`);
    const traffic: Traffic = {
      transport: protocol === undefined || protocol === "ANY" ? "TCP" : protocol,
      ...(process ? { process } : {}),
    };
    const sides: Explanation[] = [];
    if (client.workload)
      sides.push(explain(revision, "egress", client.identity, number, service.identity, traffic, request));
    if (service.workload)
      sides.push(explain(revision, "ingress", service.identity, number, client.identity, traffic, request));
    const verdict = sides.some((side) => side.verdict === "deny")
      ? "deny"
      : sides.some((side) => side.verdict === "judged")
        ? "inspect"
        : "allow";
    return { verdict, sides };
  }
}

/** What became of one expectation. */
export interface CaseResult {
  readonly test: Case;
  readonly name: string;
  readonly passed: boolean;
  readonly answer: Answer | undefined;
  /** Set when it could not be asked at all. */
  readonly error: string | undefined;
}

/** Asks every expectation. */
export function runCases(bench: Bench, tests: readonly Case[]): CaseResult[] {
  return tests.map((test) => {
    const name = test.name ?? caseName(test);
    try {
      const { from, to, port, protocol } = test;
      const request = parseRequest(test);
      const process = test.process && withoutUndefined(test.process);
      const answer = bench.ask({ from, to, port, protocol, process, request });
      return { test, name, passed: answer.verdict === test.expect, answer, error: undefined };
    } catch (error) {
      if (!(error instanceof SockmeshError)) throw error;
      return { test, name, passed: false, answer: undefined, error: error.message };
    }
  });
}

function withoutUndefined(process: NonNullable<Case["process"]>): ProcessContext {
  const { executable, uid, cgroup } = process;
  return {
    ...(executable === undefined ? {} : { executable }),
    ...(uid === undefined ? {} : { uid }),
    ...(cgroup === undefined ? {} : { cgroup }),
  };
}

/** `frontend to shop:80: GET /products`. */
function caseName(test: Case): string {
  const request =
    test.http ?? test.grpc ?? test.memcached ?? test.kafka ?? test.cassandra ?? test.dns ?? test.tls;
  return `${test.from} to ${test.to}:${test.port}${request === undefined ? "" : `: ${request}`}`;
}
