// SPDX-License-Identifier: Apache-2.0
import { connect, type Socket } from "node:net";
import { SockmeshError } from "../../core/errors.js";
import { readLines } from "./lines.js";
import { MAX_LINE, type AgentStatus, type ControlReply, type ControlRequest } from "./messages.js";

/** A connection to an agent. */
export interface AgentConnection {
  /** Sends a request and waits for its answer. Throws the agent's error, or SM_AGENT_UNREACHABLE. */
  ask(request: ControlRequest): Promise<Extract<ControlReply, { ok: true }>>;
  close(): void;
}

/** Connects to the agent's socket. Throws SM_AGENT_UNREACHABLE. */
export async function connectAgent(path: string): Promise<AgentConnection> {
  const unreachable = (cause: Error): SockmeshError =>
    new SockmeshError("SM_AGENT_UNREACHABLE", `no agent answers at ${path}: ${cause.message}`, { cause });
  const socket = await new Promise<Socket>((resolve, reject) => {
    const made = connect(path, () => resolve(made));
    made.once("error", (cause) => reject(unreachable(cause)));
  });
  const waiting: { resolve: (line: string) => void; reject: (cause: Error) => void }[] = [];
  readLines(socket, MAX_LINE, (line) => waiting.shift()?.resolve(line));
  let failure: Error | undefined;
  const fail = (cause: Error): void => {
    failure ??= unreachable(cause);
    for (const { reject } of waiting.splice(0)) reject(failure);
  };
  socket.on("error", fail).on("close", () => fail(new Error("the connection was closed")));
  return {
    async ask(request) {
      const line = await new Promise<string>((resolve, reject) => {
        if (failure) return reject(failure);
        waiting.push({ resolve, reject });
        socket.write(`${JSON.stringify(request)}\n`);
      });
      const reply = JSON.parse(line) as ControlReply;
      if (!reply.ok) throw new SockmeshError(reply.code, reply.message);
      return reply;
    },
    close: () => void socket.destroy(),
  };
}

/** Asks an agent for its status. Throws SM_AGENT_UNREACHABLE. */
export async function askStatus(path: string): Promise<AgentStatus> {
  const agent = await connectAgent(path);
  try {
    const reply = await agent.ask({ op: "status" });
    if ("status" in reply) return reply.status;
    throw new SockmeshError("SM_AGENT_UNREACHABLE", `what answers at ${path} is no agent of this version`);
  } finally {
    agent.close();
  }
}
