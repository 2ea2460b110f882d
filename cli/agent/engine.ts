// SPDX-License-Identifier: Apache-2.0
import { SockmeshError } from "../../core/errors.js";
import type { Log } from "../../core/log.js";
import type { SocketEngine } from "../../sockmap/engine.js";
import { UserSpaceEngine } from "../../sockmap/userspace.js";
import { CgroupTree, cgroup2Root, removeStaleTrees } from "../cgroup.js";
import type { Config } from "../config.js";
import { examine, type Machine } from "../machine.js";

/** What is known before any socket is opened: whether the kernel engine can be tried, and this process's cgroups. */
export interface EnginePlan {
  /** The cgroups of the agent; undefined for the user-space engine. */
  readonly tree: CgroupTree | undefined;
  /** Makes the engine; `socketFd` is any TCP socket of this process. Throws only where the kernel engine was demanded. */
  make(socketFd: number): SocketEngine;
}

/**
 * Chooses the engine: the kernel's where nothing that it requires is missing, else the user-space one, which says why.
 * For the kernel engine this process moves into a cgroup of its own, so this comes before any socket is opened.
 * Throws what is missing where the configuration demands the kernel engine.
 */
export async function planEngine(
  config: Config,
  machine: Machine,
  pid: number,
  log: Log,
): Promise<EnginePlan> {
  const userSpace = (because: string): EnginePlan => {
    log.warn({ because }, "user-space engine: nothing is captured, level off");
    return { tree: undefined, make: () => new UserSpaceEngine(because) };
  };
  if (config.engine === "user-space") return userSpace("the configuration says so");
  const lacking = (await examine(machine)).filter((check) => check.required && check.answer === "no");
  const because = lacking.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
  if (config.engine === "auto" && because) return userSpace(because);
  try {
    const root = cgroup2Root();
    const stale = await removeStaleTrees(root);
    if (stale.trees.length > 0) log.warn(stale, "removed cgroups of an agent that was killed");
    const tree = CgroupTree.create(root, pid);
    // Loads koffi and libbpf, which a machine without BPF need not have.
    const { createKernelEngine } = await import("../../sockmap/kernel.js");
    const { DEFAULT_CONNECTIONS, DEFAULT_CREDIT, ENGINE_OBJECT } = await import("../../sockmap/load.js");
    return {
      tree,
      make(socketFd) {
        try {
          const engine = createKernelEngine({
            cgroupRoot: root,
            sidecarCgroup: tree.sidecar,
            socketFd,
            creditBytes: config.creditBytes ?? DEFAULT_CREDIT,
            // For tests of what kernels before 6.3 do.
            tracing: process.env.SOCKMESH_TEST_TRACING !== "0",
            // For tests of programs with a fault.
            object: process.env.SOCKMESH_TEST_OBJECT ?? ENGINE_OBJECT,
            connections: config.kernelConnections ?? DEFAULT_CONNECTIONS,
            limits: config.limits,
            guard: process.env.SOCKMESH_TEST_GUARD !== "0",
          });
          const { blind } = engine;
          if (blind)
            log.warn({ because: blind }, "programs that read with splice(2) or ask FIONREAD are not seen");
          return engine;
        } catch (thrown) {
          if (config.engine === "kernel" || !(thrown instanceof SockmeshError)) throw thrown;
          log.error({ code: thrown.code, cause: thrown.message }, "the kernel engine does not start");
          return userSpace(thrown.message).make(socketFd);
        }
      },
    };
  } catch (thrown) {
    if (config.engine === "kernel" || !(thrown instanceof SockmeshError)) throw thrown;
    return userSpace(thrown.message);
  }
}
