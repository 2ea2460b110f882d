// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { asSockmeshError, SockmeshError } from "../core/errors.js";

/** Name of the cgroup, below an agent's tree, that its own process lives in. */
const SIDECAR = "sidecar";
const TREE = /^sockmesh-([0-9]+)$/;

/** A killed process leaves its cgroup a moment after it is gone from view; that long is waited for. */
const BUSY_MS = 2000;

/**
 * Where cgroup v2 is mounted, from the text of /proc/self/mounts (proc(5)); undefined when it is not.
 * A hybrid host has it at /sys/fs/cgroup/unified beside the version 1 controllers.
 */
export function findCgroup2(mounts: string): string | undefined {
  for (const line of mounts.split("\n")) {
    const [, directory, type] = line.split(" ");
    // Blanks in the path are written as octal escapes.
    if (type === "cgroup2" && directory)
      return directory.replace(/\\([0-7]{3})/g, (_, octal: string) =>
        String.fromCharCode(parseInt(octal, 8)),
      );
  }
  return undefined;
}

/** Path below the mount of the cgroup v2 that a process is in, from the text of its /proc/PID/cgroup; `/` when unknown. */
export function cgroup2Of(cgroups: string): string {
  return /^0::(.*)$/m.exec(cgroups)?.[1] ?? "/";
}

/** Directory of the cgroup v2 that this process is in. Throws SM_CGROUP where there is none. */
export function ownCgroup(): string {
  return join(cgroup2Root(), cgroup2Of(readFileSync("/proc/self/cgroup", "utf8")));
}

/** Moves a process (all its threads) into a cgroup. Throws SM_CGROUP. */
export function joinCgroup(directory: string, pid: number): void {
  try {
    writeFileSync(`${directory}/cgroup.procs`, String(pid));
  } catch (thrown) {
    throw asSockmeshError(thrown, "SM_CGROUP");
  }
}

/** Processes of a cgroup and of all below it; empty when it does not exist. */
export function members(directory: string): number[] {
  const own = readLines(join(directory, "cgroup.procs")).map(Number);
  return [...own, ...children(directory).flatMap((child) => members(child))];
}

/**
 * Removes a cgroup and all below it. False when a process still lives there after a short wait.
 * No process is ended or moved.
 */
export async function removeCgroup(directory: string): Promise<boolean> {
  for (let waited = 0; ; waited += 20) {
    if (removeNow(directory)) return true;
    if (waited >= BUSY_MS || members(directory).length > 0) return false;
    await sleep(20);
  }
}

/** The cgroups of one agent: `sockmesh-<pid>/sidecar` for itself, `sockmesh-<pid>/ep-<number>` for each endpoint. */
export class CgroupTree {
  readonly sidecar: string;

  private constructor(
    readonly root: string,
    private readonly directory: string,
    private readonly origin: string,
  ) {
    this.sidecar = join(directory, SIDECAR);
  }

  /**
   * Makes the tree and moves this process into it. To be called before any socket is opened: a socket belongs to the
   * cgroup that its process was in when it opened it. Throws SM_CGROUP.
   * @param root mount point of cgroup v2
   */
  static create(root: string, pid: number): CgroupTree {
    const origin = join(root, cgroup2Of(readFileSync(`/proc/${pid}/cgroup`, "utf8")));
    const tree = new CgroupTree(root, join(root, `sockmesh-${pid}`), origin);
    try {
      mkdirSync(tree.sidecar, { recursive: true });
      joinCgroup(tree.sidecar, pid);
    } catch (thrown) {
      throw asSockmeshError(thrown, "SM_CGROUP");
    }
    return tree;
  }

  /** Makes the cgroup of an endpoint and returns its directory. Throws SM_CGROUP. */
  endpoint(number: number): string {
    const directory = join(this.directory, `ep-${number}`);
    try {
      mkdirSync(directory);
    } catch (thrown) {
      throw asSockmeshError(thrown, "SM_CGROUP");
    }
    return directory;
  }

  /**
   * Removes the tree. What still runs in an endpoint goes on, back in the cgroup that the agent came from.
   * @returns how many processes were moved
   */
  async remove(): Promise<number> {
    const left = moveMembers(this.directory, this.origin);
    await removeCgroup(this.directory);
    return left;
  }
}

/** What {@link removeStaleTrees} found. */
export interface Stale {
  readonly trees: string[];
  /** Processes that ran there, without policy since their agent died; they go on in the root cgroup. */
  readonly processes: number;
}

/** Removes the trees of agents that were killed. */
export async function removeStaleTrees(root: string): Promise<Stale> {
  const trees = children(root).filter((directory) => {
    const pid = TREE.exec(basename(directory))?.[1];
    // Both tests: the agent may live in another pid namespace, and its number may have gone to another process.
    return pid !== undefined && !existsSync(`/proc/${pid}`) && members(join(directory, SIDECAR)).length === 0;
  });
  let processes = 0;
  for (const directory of trees) {
    processes += moveMembers(directory, root);
    await removeCgroup(directory);
  }
  return { trees, processes };
}

/** Moves all processes of a cgroup and of those below it to another one. Returns how many there were. */
export function moveMembers(from: string, to: string): number {
  const pids = members(from);
  for (const pid of pids) {
    try {
      writeFileSync(`${to}/cgroup.procs`, String(pid));
    } catch {
      // It ended meanwhile; if not, the cgroup stays and is seen as stale by the next agent.
    }
  }
  return pids.length;
}

function removeNow(directory: string): boolean {
  for (const child of children(directory)) if (!removeNow(child)) return false;
  try {
    rmdirSync(directory);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "ENOENT";
  }
}

function children(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(directory, entry.name));
  } catch {
    return [];
  }
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n").filter(Boolean);
  } catch {
    return [];
  }
}

/** Mount point of cgroup v2 on this machine. Throws SM_CGROUP where there is none. */
export function cgroup2Root(): string {
  const root = findCgroup2(readFileSync("/proc/self/mounts", "utf8"));
  if (root === undefined) throw new SockmeshError("SM_CGROUP", "cgroup v2 is not mounted");
  return root;
}
