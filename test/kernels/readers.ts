// SPDX-License-Identifier: Apache-2.0
/** Services that read as sockmaps do not allow: seen, put back to TCP, and right from then on. */
import { resolve } from "node:path";
import type { Level } from "../../sockmap/engine.js";
import { freePort, launch, policyFor, says, TestAgent, until, type Program } from "../support/cli.js";
import type { ReaderReport } from "./report.js";

const MINUTE = 60_000;
/** Compiled from reader.c into the stage. */
const PROGRAM = resolve("readers/reader");

/** Two connections, one after the other, to a service that reads in one way. */
export async function runReader(reader: ReaderReport["reader"], level: Level): Promise<ReaderReport> {
  const port = await freePort();
  const policy = policyFor("reader", port, ["client"], '{ method: "GET" }');
  const agent = await TestAgent.start(policy, { limits: { connectMs: MINUTE } }, [], {
    timeout: 10 * MINUTE,
  });
  const start = (app: string, kind: string): Program => {
    const command = agent.exec(`app=${app}`, [PROGRAM, kind, String(port)], ["--level", level]);
    return launch(command, {}, 10 * MINUTE);
  };
  const service = start("reader", reader);
  const clients: Program[] = [];
  /** True when the client was answered; a service that reads by splice(2) leaves it waiting once it has been seen. */
  const ask = async (): Promise<boolean> => {
    const before = await seen(agent, reader);
    const client = start("client", "client");
    clients.push(client);
    let code: number | null | undefined;
    void client.ended.then((how) => (code = how.code));
    await until("the client is answered, or waits for ever", async () => {
      return code !== undefined || (reader === "splice" && (await seen(agent, reader)) > before);
    });
    client.child.kill("SIGKILL");
    return (await client.ended).code === 0;
  };
  try {
    await says(service, "ready");
    const first = await ask();
    const second = await ask();
    const { endpoints, totals } = await agent.status();
    const number = endpoints.find(({ labels }) => Object.values(labels).includes("reader"))?.number;
    service.child.kill("SIGTERM");
    return {
      reader,
      level,
      reached: totals.outcomes[level] ?? 0,
      seen: totals.outcomes[`seen:${reader}-reader`] ?? 0,
      listed: number !== undefined && totals.incompatible.includes(number),
      off: totals.outcomes["off:incompatible-reader"] ?? 0,
      answered: [first, second],
      ...told((await service.ended).stdout),
    };
  } finally {
    for (const program of [service, ...clients]) program.child.kill("SIGKILL");
    await agent.stop();
  }
}

async function seen(agent: TestAgent, reader: ReaderReport["reader"]): Promise<number> {
  return (await agent.status()).totals.outcomes[`seen:${reader}-reader`] ?? 0;
}

/** Of the first request, and of the second: whether FIONREAD was asked, and right each time. */
function told(stdout: string): Pick<ReaderReport, "right"> {
  const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
  const answers = lines.map((line) => JSON.parse(line) as { asked: number; right: number });
  return { right: answers.map(({ asked, right }) => asked > 0 && asked === right) };
}
