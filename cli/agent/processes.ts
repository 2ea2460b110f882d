// SPDX-License-Identifier: Apache-2.0
import { readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import type { SourcePosition } from "../../core/errors.js";
import type { Policy } from "../../l7policy/model.js";
import type { ProcessContext } from "../../l7policy/policy.js";
import type { ConnectingProcess } from "../../sockmap/engine.js";
import { cgroup2Of } from "../cgroup.js";

/** USER_HZ, the unit of times in /proc, is 100 on every architecture but alpha and ia64. */
const NS_PER_TICK = 10_000_000n;
/** The first pid namespace's own number (PROC_PID_INIT_INO): the kernel's programs tell pids of that one. */
const FIRST_PID_NAMESPACE = "pid:[4026531836]";

/**
 * What rules see of processes that connected. The user is what the kernel recorded; names of files are looked up when a
 * rule first asks for them, kept for as long as the connection is, and told only when they are those of the very file and
 * cgroup that the kernel recorded: else they are unknown.
 */
export class Processes {
  private readonly known = new WeakMap<ConnectingProcess, ProcessContext>();

  /** @param cgroupRoot where cgroup v2 is mounted; may throw where it is not */
  constructor(private readonly cgroupRoot: () => string) {}

  /** What is known of a process; the same object for the same recording. */
  of(process: ConnectingProcess): ProcessContext {
    let context = this.known.get(process);
    if (!context) this.known.set(process, (context = new LookedUp(process, this.cgroupRoot)));
    return context;
  }
}

class LookedUp implements ProcessContext {
  readonly uid: number;
  private path: { readonly is: string | undefined } | undefined;
  private group: { readonly is: string | undefined } | undefined;

  constructor(
    private readonly process: ConnectingProcess,
    private readonly cgroupRoot: () => string,
  ) {
    this.uid = process.uid;
  }

  get executable(): string | undefined {
    return (this.path ??= { is: attempt(() => executableOf(this.process)) }).is;
  }

  get cgroup(): string | undefined {
    return (this.group ??= { is: attempt(() => cgroupOf(this.process, this.cgroupRoot())) }).is;
  }
}

/**
 * The path by which this process finds the file that another one ran when it connected. That file must be there: the path
 * may be of what the process has executed since, of a file that was replaced, or of a mount namespace of its own.
 */
function executableOf({ pid, startNs, executable }: ConnectingProcess): string | undefined {
  if (startTicks(pid) !== startNs / NS_PER_TICK) return undefined;
  const path = readlinkSync(`/proc/${pid}/exe`);
  const { dev, ino } = statSync(path, { bigint: true });
  return dev === executable.device && ino === executable.inode ? path : undefined;
}

/** The path of its cgroup, unless it has left that. */
function cgroupOf({ pid, cgroup }: ConnectingProcess, root: string): string | undefined {
  const path = cgroup2Of(readFileSync(`/proc/${pid}/cgroup`, "utf8"));
  return statSync(join(root, path), { bigint: true }).ino === cgroup ? path : undefined;
}

/** When a process began, in ticks since boot: field 22 of proc_pid_stat(5). The second may hold blanks and parentheses. */
function startTicks(pid: number): bigint {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return BigInt(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? 0);
}

/** Undefined when something of it cannot be read: most often the process has ended. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/** Why rules that name processes may not do what is meant by them, on this machine. */
export function doubtsAbout(policies: readonly Policy[]): { at: SourcePosition; message: string }[] {
  const named = policies.flatMap(({ ingress, egress }) =>
    [ingress, egress].flatMap((direction) =>
      [...(direction?.allow ?? []), ...(direction?.deny ?? [])].flatMap(({ processes }) => processes ?? []),
    ),
  );
  const [first] = named;
  if (!first) return [];
  const doubts = named.flatMap(({ at, executable }) => {
    const real =
      executable === undefined || executable.includes("*")
        ? undefined
        : attempt(() => realpathSync(executable));
    if (real === undefined || real === executable) return [];
    return [{ at, message: `no process runs ${executable}: it is a link to ${real}, name that` }];
  });
  if (attempt(() => readlinkSync("/proc/self/ns/pid")) === FIRST_PID_NAMESPACE) return doubts;
  const message = "the agent is in a pid namespace: which executable and cgroup a process has is unknown";
  return [...doubts, { at: first.at, message }];
}
