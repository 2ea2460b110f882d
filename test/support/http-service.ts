// SPDX-License-Identifier: Apache-2.0
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";

/** A real HTTP service on an ephemeral port of loopback that keeps the request lines it saw. */
export class HttpService {
  readonly seen: string[] = [];
  private readonly server: Server;

  private constructor(answer: (request: IncomingMessage, response: ServerResponse) => void) {
    this.server = createServer((request, response) => {
      this.seen.push(`${request.method} ${request.url}`);
      answer(request, response);
    });
    this.server.keepAliveTimeout = 0;
  }

  static async start(
    answer: (request: IncomingMessage, response: ServerResponse) => void = echo,
  ): Promise<HttpService> {
    const service = new HttpService(answer);
    service.server.listen(0, "127.0.0.1");
    await once(service.server, "listening");
    return service;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Answers with the request's path, then its body as it comes. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  response.write(`${request.url} `);
  request.pipe(response);
}
