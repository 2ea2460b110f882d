// SPDX-License-Identifier: Apache-2.0
import type { Bench } from "./harness/bench.js";
import { memcachedLoad } from "./harness/memcached-load.js";
import { figure, type Row } from "./harness/results.js";
import {
  BASELINE,
  ratio,
  sample,
  summarise,
  type Effort,
  type Load,
  type Samples,
  type Scenario,
  type Variant,
} from "./harness/runner.js";
import { MEMCACHED_VARIANTS, PORTS_ONLY, RELAY } from "./variants/memcached.js";
import { missing } from "./variants/tools.js";

const KIB = 1024;

/** One stored for nine looked up; then lookups of ten keys. */
const MIXED = memcachedLoad(1, 10);
const MANY = memcachedLoad(10, 0);

const SCENARIOS: readonly (readonly [Scenario, Load])[] = [
  ...[100, 10 * KIB].flatMap((bodyBytes) =>
    [1, 16, 64].map((connections): [Scenario, Load] => {
      const size = bodyBytes < KIB ? `${bodyBytes} B` : `${bodyBytes / KIB} KiB`;
      return [{ name: `memcached ${size} c${connections}`, connections, bodyBytes }, MIXED];
    }),
  ),
  [{ name: "memcached 10 keys of 100 B c16", connections: 16, bodyBytes: 100 }, MANY],
];

/** The ratios that are to hold; level off is compared with a relay that looks at nothing, in the same runtime. */
function goals({ name, connections, bodyBytes }: Scenario, samples: Samples, load: Load): Row[] {
  const of = (one: string, other: string, goal: string): Row[] => {
    const { median, least, greatest } = ratio(samples, one, other);
    if (Number.isNaN(median)) return [];
    const note = `goal ${goal}, ${least.toFixed(2)} to ${greatest.toFixed(2)}`;
    return [figure(`${name}, ${one} / ${other}`, one, Number(median.toFixed(2)), "", note, connections)];
  };
  const rows = of("off", RELAY, ">= 0.9");
  if (load === MANY)
    rows.push(
      ...of("splice", BASELINE, ">= 1.1"),
      ...of(PORTS_ONLY.name, BASELINE, "none: no command looked at, the bound of the above"),
    );
  else if (connections === 16 && bodyBytes < KIB) rows.push(...of("splice", BASELINE, ">= 1.2"));
  return rows;
}

/** memcached's text protocol: with nothing between, behind a relay in Node, and behind sockmesh with a rule on prefixes. */
export const memcached: Bench = async ({ smoke, rounds, seconds, progress }) => {
  const lacking = missing("gcc");
  if (lacking) throw new Error(`${lacking}: the load generator is compiled`);
  const effort: Effort = smoke
    ? { rounds: rounds ?? 2, seconds: seconds ?? 1, warmupSeconds: 1 }
    : { rounds: rounds ?? 5, seconds: seconds ?? 2, warmupSeconds: 1 };
  const variants: Variant[] = [];
  for (const variant of [...MEMCACHED_VARIANTS, PORTS_ONLY]) {
    const reason = await variant.unavailable();
    if (reason) progress(`without ${variant.name}: ${reason}`);
    else variants.push(variant);
  }
  const rows: Row[] = [];
  const measures: Row[] = [];
  for (const [scenario, load] of SCENARIOS) {
    if (smoke && (scenario.connections !== 16 || scenario.bodyBytes !== 100)) continue;
    const own = variants.filter((variant) => load === MANY || variant !== PORTS_ONLY);
    const samples = await sample(scenario, own, load, effort, progress);
    rows.push(...summarise(scenario, samples));
    measures.push(...goals(scenario, samples, load));
  }
  return [...rows, ...measures];
};
