// SPDX-License-Identifier: Apache-2.0
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { residentBytes } from "./harness/cpu.js";
import { figure, type Row } from "./harness/results.js";
import { ALLOWED_HEADERS, itemPath, RULE } from "./variants/policy.js";
import { startSockmesh, type SockmeshTarget } from "./variants/sockmesh.js";

/** Time for a process to come to rest, so that its memory is that of an idle one. */
const REST_MS = 2_000;

/** Opened at a time; more would overflow the service's queue of connections to accept. */
const AT_ONCE = 100;

/**
 * Memory of an idle sidecar, and what each idle connection adds to it. A connection has carried one request, so that
 * both its sockets, to the client and to the service, are there.
 */
export async function idleMemory(level: "off" | "shortcut" | "splice", connections: number): Promise<Row[]> {
  const target = await startSockmesh(level);
  const sockets: Socket[] = [];
  try {
    await sleep(REST_MS);
    const idle = residentBytes(target.agentPid);
    for (let open = 0; open < connections; open += AT_ONCE) {
      const some = Math.min(AT_ONCE, connections - open);
      sockets.push(...(await Promise.all(Array.from({ length: some }, () => openIdle(target)))));
    }
    await sleep(REST_MS);
    const { connections: held } = await target.status();
    if (held !== connections) throw new Error(`the sidecar holds ${held} of ${connections} idle connections`);
    const each = (residentBytes(target.agentPid) - idle) / connections;
    const tenth = (value: number): number => Math.round(value * 10) / 10;
    return [
      figure("memory idle", level, tenth(idle / 1e6), "MB", "resident memory of agent and sidecar"),
      figure(
        "memory per idle connection",
        level,
        tenth(each / 1e3),
        "KB",
        "resident memory added, both sockets; the kernel's own memory is not in it",
        connections,
      ),
    ];
  } finally {
    for (const socket of sockets) socket.destroy();
    await target.stop();
  }
}

/** A connection that has had one answer. */
function openIdle(target: SockmeshTarget): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(target.port, "127.0.0.1");
    const head = `${RULE.method} ${itemPath(100)} HTTP/1.1\r\nHost: bench\r\n${ALLOWED_HEADERS.join("\r\n")}\r\n\r\n`;
    let received = "";
    socket.once("connect", () => socket.write(head));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error(`an idle connection was closed: ${received}`)));
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      if (received.endsWith("x".repeat(100))) resolve(socket);
    });
  });
}
