// SPDX-License-Identifier: Apache-2.0
import { Ajv } from "ajv";
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { asSockmeshError, SockmeshError } from "../../core/errors.js";
import type { Log } from "../../core/log.js";
import { PORTS_SCHEMA } from "../port-name.js";
import { readLines } from "./lines.js";
import { MAX_LINE, type ControlReply, type ControlRequest } from "./messages.js";

/** Answers one request. `onClose` registers what happens when the asking connection closes. */
export type ControlHandler = (
  request: ControlRequest,
  onClose: (action: () => void) => void,
) => Promise<ControlReply>;

const LABELS = {
  type: "object",
  minProperties: 1,
  maxProperties: 64,
  additionalProperties: { type: "string" },
} as const;
const PORT = { type: "integer", minimum: 1, maximum: 65_535 } as const;

/** JSON Schema of {@link ControlRequest}. */
export const REQUEST_SCHEMA = {
  type: "object",
  required: ["op"],
  discriminator: { propertyName: "op" },
  oneOf: [
    { properties: { op: { const: "status" } } },
    {
      required: ["name", "labels", "optOutPorts", "origin"],
      properties: {
        op: { const: "endpoint" },
        name: { type: "string", maxLength: 253 },
        labels: LABELS,
        optOutPorts: { type: "array", maxItems: 64, items: PORT },
        ports: PORTS_SCHEMA,
        level: { enum: ["off", "shortcut", "splice"] },
        origin: { type: "string" },
      },
    },
    {
      required: ["number", "labels"],
      properties: { op: { const: "labels" }, number: PORT, labels: LABELS },
    },
  ],
} as const;

// That the schema itself is one, a test tells: the checker for it would cost the agent 2 MB.
const validate = new Ajv({
  discriminator: true,
  meta: false,
  validateSchema: false,
}).compile<ControlRequest>(REQUEST_SCHEMA);

/**
 * The agent's Unix socket, readable and writable by its owner only. Throws SM_PORT_IN_USE when an agent answers there
 * already; the socket of one that was killed is replaced.
 */
export async function serveControl(path: string, handler: ControlHandler, log: Log): Promise<Server> {
  if (await answers(path)) throw new SockmeshError("SM_PORT_IN_USE", `another agent answers at ${path}`);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });
  const server = createServer((socket) => serve(socket, handler, log));
  // The file must not be open to others for a moment either.
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
  } catch (thrown) {
    throw asSockmeshError(thrown, "SM_PORT_IN_USE");
  } finally {
    process.umask(mask);
  }
  chmodSync(path, 0o600);
  return server;
}

function serve(socket: Socket, handler: ControlHandler, log: Log): void {
  const closing: (() => void)[] = [];
  let closed = false;
  const onClose = (action: () => void): void => void (closed ? action() : closing.push(action));
  socket.on("error", (cause) => log.debug({ cause: cause.message }, "control connection failed"));
  socket.on("close", () => {
    closed = true;
    for (const action of closing) action();
  });
  let last = Promise.resolve();
  readLines(socket, MAX_LINE, (line) => {
    // One after another, so that answers keep the order of the questions.
    last = last.then(async () => {
      const reply = await answer(line, handler, onClose);
      if (!closed) socket.write(`${JSON.stringify(reply)}\n`);
    });
  });
}

async function answer(
  line: string,
  handler: ControlHandler,
  onClose: (action: () => void) => void,
): Promise<ControlReply> {
  try {
    const request: unknown = JSON.parse(line);
    if (!validate(request)) {
      const { instancePath = "", message = "" } = validate.errors?.[0] ?? {};
      throw new SockmeshError("SM_USAGE", `no such request: ${instancePath.slice(1)} ${message}`);
    }
    return await handler(request, onClose);
  } catch (thrown) {
    const { code, message } = asSockmeshError(thrown, "SM_USAGE");
    return { ok: false, code, message };
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
      .once("connect", () => {
        probe.destroy();
        resolve(true);
      })
      .once("error", () => resolve(false));
  });
}
