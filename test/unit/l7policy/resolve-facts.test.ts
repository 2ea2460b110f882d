// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "@jest/globals";
import { readFile } from "../../../l7policy/cases/cases.js";
import { parseRequest, REQUEST_WORDS } from "../../../l7policy/cases/request.js";
import { Bench } from "../../../l7policy/cases/run.js";
import { worldFile, type World } from "../../../l7policy/cases/world.js";
import type { L7Request } from "../../../l7policy/families/requests.js";
import { httpFields } from "../../../l7policy/families/spans.js";
import { parsePolicies } from "../../../l7policy/index.js";
import { FACTS, WORLD, type Facts } from "../../vectors/policy-facts.js";

const HEAD = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: { name: x }\nspec:\n";

function world(): World {
  const read = readFile(worldFile, "world.json", JSON.stringify(WORLD));
  if (!read.ok) throw new Error(read.errors.map((error) => error.describe()).join("\n"));
  return read.value;
}

function bench({ specs = [], documents = [], options }: Facts): Bench {
  const all = [...specs.map((spec) => `${HEAD}${spec.replace(/^/gm, "  ")}`), ...documents];
  const parsed = parsePolicies("facts.yaml", all.join("\n---\n"));
  if (!parsed.ok) throw new Error(parsed.errors.map((error) => error.describe()).join("\n"));
  return new Bench(parsed.policies, world(), options);
}

interface Line {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly protocol: "TCP" | "UDP";
  readonly request: L7Request | undefined;
  readonly expected: string;
}

function parse(line: string): Line {
  const [, from = "", to = "", port, udp, family, words = "", headers, expected = ""] =
    /^(\S+) > (\S+?):(\d+)(\/udp)?(?: (\w+) (.*?))??(?: \{(.*)\})? = (\w+)$/.exec(line) ?? [];
  if (port === undefined) throw new Error(`no line: ${line}`);
  if (family !== undefined && !(REQUEST_WORDS as readonly string[]).includes(family)) throw new Error(line);
  const request = parseRequest({
    ...(family === undefined ? {} : { [family]: words }),
    ...(headers === undefined ? {} : { headers: headers.split("; ") }),
  });
  return { from, to, port: Number(port), protocol: udp ? "UDP" : "TCP", request, expected };
}

/** What the compiled rule sets say, as the proxy asks them. */
function enforced(b: Bench, { from, to, port, protocol, request }: Line): string {
  const [client, service] = [from, to].map((one) => b.population.party(one, b.store.identities, b.revision));
  if (!client || !service) throw new Error("no party");
  const traffic = { transport: protocol };
  const sets = [
    ...(client.workload ? [b.revision.egress(client.identity, port, service.identity, traffic)] : []),
    ...(service.workload ? [b.revision.ingress(service.identity, port, client.identity, traffic)] : []),
  ];
  if (sets.some((set) => set.kind === "deny")) return "deny";
  const judging = sets.flatMap((set) => (set.kind === "l7" ? [set] : []));
  if (judging.length === 0) return "allow";
  if (!request) return "inspect";
  if (judging.some((set) => set.protocol !== request.family)) return "deny";
  if (request.family !== "http") return "not compiled";
  return judging.every((set) => set.judge(httpFields(request))) ? "allow" : "deny";
}

describe.each(FACTS)("$about", (facts) => {
  const b = bench(facts);
  test.each(facts.lines)("%s", (line) => {
    const question = parse(line);
    const { from, to, port, protocol, request, expected } = question;
    const answer = b.ask({ from, to, port, protocol, request });
    expect(answer.verdict).toBe(expected);
    const compiled = enforced(b, question);
    if (compiled !== "not compiled") expect(compiled).toBe(expected);
    // Every verdict that is not by default names a rule, or the rules that came near.
    for (const side of answer.sides)
      if (side.because === "allowed-by-rule" || side.because === "denied-by-rule")
        expect(side.rules.length).toBeGreaterThan(0);
  });
});

test("there are more than 200 facts", () => {
  expect(FACTS.flatMap(({ lines }) => lines).length).toBeGreaterThan(200);
});
