// SPDX-License-Identifier: Apache-2.0
import { Command, InvalidArgumentError, Option } from "commander";
import type { Inquiry } from "../../l7policy/cases/run.js";
import type { RequestWords } from "../../l7policy/cases/request.js";
import type { PolicyOptions } from "../../l7policy/resolve/store.js";
import { Exit } from "../exit.js";
import { print, printJson } from "../output.js";
import { endpointsOption, modeOption } from "./read.js";

interface ExplainOptions extends RequestWords {
  readonly from: string;
  readonly to: string;
  readonly port: number | string;
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly header?: readonly string[];
  readonly process?: string;
  readonly uid?: number;
  readonly cgroup?: string;
  readonly endpoints?: string;
  readonly mode: PolicyOptions["mode"];
  readonly json: boolean;
}

const number = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("must be a whole number");
  return Number(text);
};
const portOf = (text: string): number | string => {
  if (!/^\d+$/.test(text)) return text;
  if (Number(text) > 65_535) throw new InvalidArgumentError("must be at most 65535");
  return Number(text);
};
const more = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];

/** `sockmesh policy explain`. */
export function explainCommand(): Command {
  return new Command("explain")
    .description("tell what policies say of a connection or request, and which rule decides")
    .argument("<file...>", "policy files, or directories of them")
    .requiredOption(
      "--from <party>",
      "who connects: labels (app=web,tier=a), an endpoint's name, an address, world, host",
    )
    .requiredOption("--to <party>", "whom to, as --from")
    .requiredOption("--port <port>", "port, or its name where --endpoints gives one", portOf)
    .addOption(
      new Option("--protocol <protocol>", "transport").choices(["TCP", "UDP", "SCTP"]).default("TCP"),
    )
    .option("--http <request>", "an HTTP request: 'GET /path'")
    .option("--grpc <call>", "a gRPC call: package.Service/Method")
    .option("--header <header>", "a header of it, 'Name: value'; may be repeated", more)
    .option("--memcached <command>", "a memcached command: 'get key'")
    .option("--kafka <request>", "a Kafka request: 'produce topic client=name version=3'")
    .option("--cassandra <query>", "a Cassandra query: 'select keyspace.table'")
    .option("--dns <name>", "a name that is asked for")
    .option("--tls <name>", "the server that a TLS client names")
    .option("--process <path>", "the program that connects")
    .option("--uid <number>", "the user that it runs as", number)
    .option("--cgroup <path>", "its cgroup")
    .addOption(endpointsOption())
    .addOption(modeOption())
    .option("--json", "print JSON instead of text", false)
    .addHelpText(
      "after",
      `
Exit code 0 when it is allowed, or would be inspected; 1 when it is denied.

Examples:
  sockmesh policy explain policies/ --from app=frontend --to app=shop --port 8080 --http 'GET /products'
  sockmesh policy explain shop.yaml --from 192.0.2.7 --to app=shop --port 8080
  sockmesh policy explain kafka.yaml --from app=a --to app=kafka --port 9092 --kafka 'produce orders'`,
    )
    .action(async (paths: string[], options: ExplainOptions) => {
      const { parseRequest } = await import("../../l7policy/cases/request.js");
      const { NAMESPACE_LABEL } = await import("../../l7policy/identity/labels.js");
      const { Bench } = await import("../../l7policy/cases/run.js");
      const { explanationLines } = await import("../../l7policy/explain/words.js");
      const { readPolicies, readWorld } = await import("./read.js");
      const { from, to, port, protocol, header, mode, json } = options;
      const bench = new Bench(readPolicies(paths), readWorld(options.endpoints), { mode });
      const request = parseRequest({ ...options, headers: header });
      const inquiry: Inquiry = { from, to, port, protocol, process: processOf(options), request };
      const answer = bench.ask(inquiry);
      if (json) await printJson(answer);
      else {
        await print(answer.verdict);
        for (const side of answer.sides)
          await print(explanationLines(side, side.way === "egress" ? from : to).join("\n"));
        for (const party of new Set([from, to])) {
          const elsewhere = party.includes(NAMESPACE_LABEL) ? [] : bench.selectedElsewhere(party);
          if (elsewhere.length > 0)
            await print(
              `note: ${party} is in namespace default; policies of ${elsewhere.join(", ")} would be for it with ` +
                `${NAMESPACE_LABEL}=${elsewhere[0]} among its labels`,
            );
        }
      }
      if (answer.verdict === "deny") process.exitCode = Exit.no;
    });
}

function processOf({ process: executable, uid, cgroup }: ExplainOptions): Inquiry["process"] {
  if ((executable ?? uid ?? cgroup) === undefined) return undefined;
  return {
    ...(executable === undefined ? {} : { executable }),
    ...(uid === undefined ? {} : { uid }),
    ...(cgroup === undefined ? {} : { cgroup }),
  };
}
