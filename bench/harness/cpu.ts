// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from "node:fs";

/** Linux shows user space 100 ticks a second on every architecture (USER_HZ). */
const US_PER_TICK = 10_000;

/** BPF_PROG_TYPE_SK_MSG. */
const SK_MSG = "16";

/** One line of /proc/PID/stat, as far as it is used. See proc(5). */
interface Stat {
  readonly parent: number;
  readonly cpuUs: number;
}

/** CPU time in microseconds (user and system) that the living processes `roots` and their descendants have used. */
export function cpuUs(roots: readonly number[]): number {
  const stats = new Map<number, Stat>();
  for (const name of readdirSync("/proc")) {
    const stat = /^\d+$/.test(name) ? readStat(name) : undefined;
    if (stat) stats.set(Number(name), stat);
  }
  let total = 0;
  for (const [pid, stat] of stats) if (descends(pid, roots, stats)) total += stat.cpuUs;
  return total;
}

/** How often the sk_msg programs that a process holds have run, and their time; counted while `bpf_stats_enabled` is 1. */
export function messagePrograms(pid: number): { readonly runs: number; readonly ns: number } {
  const programs = new Map<string, { runs: number; ns: number }>();
  for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
    const info = told(`/proc/${pid}/fdinfo/${fd}`) ?? "";
    const field = (name: string): string => new RegExp(`^${name}:\\s+(\\d+)$`, "m").exec(info)?.[1] ?? "0";
    if (field("prog_type") === SK_MSG)
      programs.set(field("prog_id"), { runs: Number(field("run_cnt")), ns: Number(field("run_time_ns")) });
  }
  const all = [...programs.values()];
  return { runs: all.reduce((sum, p) => sum + p.runs, 0), ns: all.reduce((sum, p) => sum + p.ns, 0) };
}

/** Resident memory of one process in bytes (VmRSS). */
export function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
  return Number(kib) * 1024;
}

function descends(pid: number, roots: readonly number[], stats: ReadonlyMap<number, Stat>): boolean {
  for (let at: number | undefined = pid; at; at = stats.get(at)?.parent) if (roots.includes(at)) return true;
  return false;
}

/** What a file of /proc tells; undefined when that has ended meanwhile. */
function told(file: string): string | undefined {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return undefined;
  }
}

function readStat(pid: string): Stat | undefined {
  const text = told(`/proc/${pid}/stat`);
  // The command's name may hold anything, so fields count from its closing parenthesis.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  return (
    fields && { parent: Number(fields[1]), cpuUs: (Number(fields[11]) + Number(fields[12])) * US_PER_TICK }
  );
}
