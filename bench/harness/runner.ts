// SPDX-License-Identifier: Apache-2.0
import type { Row } from "./results.js";

/** One kind of traffic that every variant is measured with. */
export interface Scenario {
  readonly name: string;
  readonly connections: number;
  readonly bodyBytes: number;
}

/** A started variant: the whole path between the load generator and the service, service included. */
export interface Target {
  /** Where the load goes. */
  readonly port: number;
  /** Processes of the path, without the load generator; their descendants count too. */
  readonly pids: readonly number[];
  /** Prefix for the load generator's command, e.g. to make it an endpoint; empty for none. */
  readonly clientPrefix: readonly string[];
  stop(): Promise<void>;
}

/** One way to put a policy (or nothing) between a client and the service. */
export interface Variant {
  readonly name: string;
  /** Why this machine cannot run it; undefined where it can. */
  unavailable(): Promise<string | undefined>;
  start(): Promise<Target>;
}

/** What one measurement found. */
export interface Sample {
  readonly rps: number;
  readonly p50us: number;
  readonly p99us: number;
  readonly cpuUsPerRequest: number;
}

/** Drives one target for one scenario. Rejects when any request was answered other than the scenario expects. */
export type Load = (target: Target, scenario: Scenario, seconds: number) => Promise<Sample>;

/** How long and how often is measured. */
export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
}

/** The variant that ratios refer to. */
export const BASELINE = "direct";

/** Samples of each variant by its name, one for each round. */
export type Samples = ReadonlyMap<string, readonly Sample[]>;

/** Measures every variant with every scenario; a row each. Figures are medians over rounds. */
export async function measure(
  scenarios: readonly Scenario[],
  variants: readonly Variant[],
  load: Load,
  effort: Effort,
  progress: (line: string) => void,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const scenario of scenarios)
    rows.push(...summarise(scenario, await sample(scenario, variants, load, effort, progress)));
  return rows;
}

/**
 * Measures every variant with one scenario. In each round each variant is started, warmed up, measured and stopped
 * again, so that none disturbs another; rounds begin with a different variant each, so that slow changes of the
 * machine's speed hit all alike.
 */
export async function sample(
  scenario: Scenario,
  variants: readonly Variant[],
  load: Load,
  effort: Effort,
  progress: (line: string) => void,
): Promise<Samples> {
  const samples = new Map<string, Sample[]>(variants.map((variant) => [variant.name, []]));
  for (let round = 0; round < effort.rounds; round++) {
    for (let i = 0; i < variants.length; i++) {
      const variant = variants[(i + round) % variants.length] as Variant;
      const found = await once(variant, scenario, load, effort);
      samples.get(variant.name)?.push(found);
      progress(
        `${scenario.name} round ${round + 1}/${effort.rounds} ${variant.name} ${Math.round(found.rps)} req/s`,
      );
    }
  }
  return samples;
}

/** Median, least and greatest of the ratios of one figure of two variants, each taken within a round. */
export function ratio(
  samples: Samples,
  variant: string,
  other: string,
  figure: (sample: Sample) => number = ({ rps }) => rps,
): { readonly median: number; readonly least: number; readonly greatest: number } {
  const others = samples.get(other) ?? [];
  const ratios = (samples.get(variant) ?? []).map((own, round) => {
    const base = others[round];
    return base ? figure(own) / figure(base) : NaN;
  });
  return { median: median(ratios), least: Math.min(...ratios), greatest: Math.max(...ratios) };
}

async function once(variant: Variant, scenario: Scenario, load: Load, effort: Effort): Promise<Sample> {
  const target = await variant.start();
  try {
    if (effort.warmupSeconds > 0) await load(target, scenario, effort.warmupSeconds);
    return await load(target, scenario, effort.seconds);
  } catch (thrown) {
    throw new Error(`${variant.name}, ${scenario.name}: ${(thrown as Error).message}`, { cause: thrown });
  } finally {
    await target.stop();
  }
}

/** The rows of one scenario. */
export function summarise(scenario: Scenario, samples: Samples): Row[] {
  return [...samples].map(([variant, own]) => {
    const toDirect = ratio(samples, variant, BASELINE);
    return {
      scenario: scenario.name,
      connections: scenario.connections,
      bodyBytes: scenario.bodyBytes,
      variant,
      rps: round(median(own.map((sample) => sample.rps)), 1),
      p50us: round(median(own.map((sample) => sample.p50us)), 0),
      p99us: round(median(own.map((sample) => sample.p99us)), 0),
      cpuUsPerRequest: round(median(own.map((sample) => sample.cpuUsPerRequest)), 2),
      ratioToDirect: Number.isNaN(toDirect.median) ? null : round(toDirect.median, 3),
      note: Number.isNaN(toDirect.median)
        ? `${own.length} rounds`
        : `${own.length} rounds, ratio ${toDirect.least.toFixed(2)} to ${toDirect.greatest.toFixed(2)}`,
    };
  });
}

/** Median; of an even number of values, the mean of the middle two. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
