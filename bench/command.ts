// SPDX-License-Identifier: Apache-2.0
import { Command, InvalidArgumentError } from "commander";
import type { Bench } from "./harness/bench.js";
import { machine, noise, table, write } from "./harness/results.js";

/** Every bench by the name that `make bench WHAT=` takes; loaded when it runs, because its harness takes the signals. */
const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  http: async () => (await import("./http.js")).http,
  splice: async () => (await import("./splice.js")).splice,
  memcached: async () => (await import("./memcached.js")).memcached,
  policy: async () => (await import("./policy.js")).policy,
};

/** What the command line gives. */
interface Flags {
  readonly smoke: boolean;
  readonly rounds?: number;
  readonly seconds?: number;
  readonly out: string;
  readonly json: boolean;
}

/** The command `bench`, which `sockmesh bench` and `make bench` run. */
export function benchCommand(): Command {
  return new Command("bench")
    .description("measure sockmesh against the same service without it and behind other proxies")
    .argument("[what]", `one of: ${Object.keys(BENCHES).join(", ")}`, "http")
    .option(
      "--smoke",
      "short form, under a minute; rough figures (also SMOKE=1)",
      process.env["SMOKE"] === "1",
    )
    .option("--rounds <n>", "rounds to take medians of", positive)
    .option("--seconds <n>", "length of one measurement", positive)
    .option("--out <folder>", "where <what>.json is written", "bench/results")
    .option("--json", "print the rows as JSON instead of a table", false)
    .addHelpText(
      "after",
      `
Load comes from wrk; for memcached from a client of the bench's own, as those of libmemcached choose keys that no prefix
fits. The same nginx stands behind every variant, and nginx, haproxy and Envoy, where they are installed,
enforce the same rule as sockmesh. Variants take turns, figures are medians of the rounds, ratios are taken within one.

Examples:
  sockmesh bench http --smoke
  sockmesh bench policy
  sockmesh bench http --rounds 9 --json | jq '.[] | select(.connections == 16)'`,
    )
    .action(runBench);
}

async function runBench(what: string, flags: Flags): Promise<void> {
  const load = Object.hasOwn(BENCHES, what) ? BENCHES[what] : undefined;
  if (!load)
    throw new InvalidArgumentError(`no bench ${what}; there are: ${Object.keys(BENCHES).join(", ")}`);
  const bench = await load();
  const where = `${machine()}, ${noise()}`;
  const rows = await bench({
    smoke: flags.smoke,
    rounds: flags.rounds,
    seconds: flags.seconds,
    progress: (line) => process.stderr.write(`${line}\n`),
  });
  const path = write(flags.out, what, rows, where);
  console.log(flags.json ? JSON.stringify(rows, null, 2) : `${table(rows)}\n\n${where}\nwritten to ${path}`);
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("a whole number from 1 on");
  return value;
}
