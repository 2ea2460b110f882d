// SPDX-License-Identifier: Apache-2.0
import { connect, type Socket } from "node:net";
import type { PolicyView } from "./codec.js";
import type { ReportingServer } from "./servers.js";

/** An answer that never comes is one more sort of disagreement, not a test that hangs. */
const PATIENCE_MS = 20_000;
/** Bodies up to so many bytes are sent, so that the connection can be used again. */
const MOST_BODY = 4096;

/** Connections at a time. */
const CLIENTS = 16;

/** What a server made of some heads. */
export interface Asked {
  /** Heads that it understood as policy did. */
  readonly agreed: number;
  /** Heads that it refused, by status. */
  readonly refused: ReadonlyMap<number, number>;
  /** Each difference, with the head. */
  readonly differing: readonly string[];
}

/** Sends heads to a server and compares what it reports with what policy sees. */
export async function askAll(
  server: ReportingServer,
  heads: readonly Buffer[],
  view: (head: Buffer) => PolicyView,
): Promise<Asked> {
  const refused = new Map<number, number>();
  const differing: string[] = [];
  let [next, agreed] = [0, 0];
  const work = async (): Promise<void> => {
    const client = new RawClient(server.port);
    try {
      for (let head = heads[next++]; head; head = heads[next++]) {
        const seen = view(head);
        const answer = await client.ask(head, seen.bodyLength);
        const differences = answer.status === 200 ? server.differences(seen, answer) : [];
        if (answer.status !== 200) refused.set(answer.status, (refused.get(answer.status) ?? 0) + 1);
        else if (differences.length === 0) agreed++;
        else differing.push(`${differences.join("; ")}: ${JSON.stringify(head.toString("latin1"))}`);
      }
    } finally {
      client.close();
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, work));
  return { agreed, refused, differing };
}

/** A server's answer: its status and its header fields by lower-case name. 0: the connection ended without one. */
export interface ServerAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
}

/** Sends raw heads to a server, one after another on one connection as long as it lasts. */
class RawClient {
  private socket: Socket | undefined;
  private got = "";
  private arrived: () => void = () => undefined;
  private over = false;

  constructor(private readonly port: number) {}

  /** Sends a head and a body of its length; waits for the head of the answer. */
  async ask(head: Uint8Array, bodyLength: number): Promise<ServerAnswer> {
    // A server may close a connection that it has kept, just when it is used again.
    const kept = this.socket !== undefined && !this.over;
    const answer = await this.once(head, bodyLength);
    return answer.status === 0 && kept ? this.once(head, bodyLength) : answer;
  }

  /** Ends the connection. */
  close(): void {
    this.socket?.destroy();
    this.socket = undefined;
  }

  private async once(head: Uint8Array, bodyLength: number): Promise<ServerAnswer> {
    const socket = this.open();
    this.got = "";
    socket.write(Buffer.concat([head, Buffer.alloc(Math.min(bodyLength, MOST_BODY), "x")]));
    const started = performance.now();
    let end = -1;
    while ((end = this.got.indexOf("\r\n\r\n")) < 0 && !this.over) {
      if (performance.now() - started > PATIENCE_MS) throw new Error("no answer");
      const timer = setTimeout(() => this.arrived(), PATIENCE_MS);
      await new Promise<void>((done) => (this.arrived = done));
      clearTimeout(timer);
    }
    const lines = end < 0 ? [] : this.got.slice(0, end).split("\r\n");
    const status = Number(lines[0]?.split(" ")[1] ?? 0);
    // The answers that are compared have no body; others end the connection here.
    if (status !== 200 || bodyLength > MOST_BODY) this.close();
    const headers = lines.slice(1).map((line): [string, string] => {
      const colon = line.indexOf(": ");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)];
    });
    return { status, headers: new Map(headers) };
  }

  private open(): Socket {
    if (this.socket && !this.over) return this.socket;
    this.close();
    this.over = false;
    const socket = connect(this.port, "127.0.0.1");
    const mine = (use: () => void) => (): void => {
      if (this.socket === socket) use();
    };
    socket.setEncoding("latin1").on("data", (text: string) =>
      mine(() => {
        this.got += text;
        this.arrived();
      })(),
    );
    const ended = mine(() => {
      this.over = true;
      this.arrived();
    });
    socket.on("end", ended).on("close", ended).on("error", ended);
    return (this.socket = socket);
  }
}
