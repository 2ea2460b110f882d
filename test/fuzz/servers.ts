// SPDX-License-Identifier: Apache-2.0
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, launch, listens, until } from "../support/cli.js";
import type { ServerAnswer } from "./ask.js";
import type { PolicyView } from "./codec.js";

/** A real server that answers 200 with what it has understood of a request. */
export interface ReportingServer {
  readonly name: string;
  readonly port: number;
  /** Where an answer shows another reading than policy's: what differs; else empty. */
  differences(view: PolicyView, answer: ServerAnswer): string[];
  stop(): Promise<void>;
}

interface NodeReport {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly string[];
}

/** Node's own server. */
export async function startNode(): Promise<ReportingServer> {
  const server = createServer(
    { keepAliveTimeout: 60_000 },
    ({ method = "", url = "", rawHeaders }, response) => {
      const report: NodeReport = { method, url, headers: rawHeaders };
      response.setHeader("X-Report", Buffer.from(JSON.stringify(report)).toString("base64"));
      response.setHeader("Content-Length", 0);
      response.end();
    },
  ).listen(0, "127.0.0.1");
  // As many as its size allows, so that it sees what it would leave out silently.
  server.maxHeadersCount = 0;
  await once(server, "listening");
  return {
    name: "node:http",
    port: (server.address() as AddressInfo).port,
    differences(view, answer) {
      const text = Buffer.from(answer.headers.get("x-report") ?? "", "base64").toString();
      const { method, url, headers } = JSON.parse(text) as NodeReport;
      return compare([
        ["method", view.method, method],
        ["target", view.target, url],
        ["headers", JSON.stringify(view.headers.flat()), JSON.stringify(headers)],
      ]);
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** Headers that rules of the fuzz ask for. */
const NAMES = [
  "x-token",
  "x-debug",
  "user-agent",
  "content-type",
  "accept",
  "te",
  "connection",
  "a",
  "cookie",
];

/** nginx, which decodes and joins what it serves files by. */
export async function startNginx(): Promise<ReportingServer> {
  const folder = mkdtempSync(join(tmpdir(), "sockmesh-nginx-"));
  const port = await freePort();
  const variables = {
    ...{ method: "$request_method", uri: "$uri", args: "$args", target: "$request_uri", host: "$host" },
    ...{ length: "$content_length", "http-host": "$http_host" },
    ...Object.fromEntries(NAMES.map((name) => [`h-${name}`, `$http_${name.replaceAll("-", "_")}`])),
  };
  const report = Object.entries(variables)
    .map(([name, variable]) => `add_header X-${name} "${variable}" always;`)
    .join(" ");
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; master_process off; pid ${folder}/pid; user root; error_log stderr crit;
     events {} http { access_log off; keepalive_requests 1000000; keepalive_timeout 600; client_max_body_size 0;
       large_client_header_buffers 4 16k; client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b;
       fastcgi_temp_path ${folder}/c; uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
       server { listen 127.0.0.1:${port}; location / { ${report} return 200; } } }`,
  );
  const program = launch(["nginx", "-e", "stderr", "-c", join(folder, "nginx.conf")]);
  const stop = async (): Promise<void> => {
    program.child.kill("SIGTERM");
    await program.ended.catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until("nginx listens", () => listens(port));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    name: "nginx",
    port,
    differences(view, { headers }) {
      const seen = (name: string): string => headers.get(`x-${name}`) ?? "";
      const [path = ""] = view.target.split("?", 1);
      const values = (name: string): string[] =>
        view.headers.filter(([known]) => known.toLowerCase() === name).map(([, value]) => value);
      // It shows the first of several fields (before 1.23) or all of them; empty ones are not shown.
      const field = (name: string): [string, string, string] => {
        const [shown, all] = [seen(`h-${name}`), values(name)];
        const joined = all.join(name === "cookie" ? "; " : ", ");
        return [name, shown === (all[0] ?? "") ? shown : joined, shown];
      };
      return compare([
        ["method", view.method, seen("method")],
        ["path", path, seen("uri")],
        ["target", view.target, seen("target")],
        ["query", view.target.slice(path.length + 1), seen("args")],
        // It takes the host in lower case and without a dot at its end; policy compares it as it was sent.
        ["host", view.host.toLowerCase().replace(/\.$/, ""), seen("host")],
        ["Host", values("host").join(), seen("http-host")],
        ["length", values("content-length").join(), seen("length")],
        ...NAMES.map(field),
      ]);
    },
    stop,
  };
}

function compare(parts: readonly (readonly [string, string, string])[]): string[] {
  return parts.flatMap(([what, policy, server]) =>
    policy === server ? [] : [`${what}: policy ${JSON.stringify(policy)}, server ${JSON.stringify(server)}`],
  );
}
