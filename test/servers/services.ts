// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { MIX, STREAMS } from "./traffic.js";

const HERE = resolve("test/servers/services");

/** A service: what it is called in the table, and the command that starts it. */
export interface Service {
  readonly name: string;
  /** Answers without a length, chunked, to the paths of STREAMS. */
  readonly streams: boolean;
  /** Ends the connection with each answer. */
  readonly ends?: boolean;
  /** @param built folder of compiled programs, @param folder of its own, for files */
  command(port: number, folder: string, built: string): readonly string[];
}

const python = join(HERE, "http_server.py");

export const SERVICES: readonly Service[] = [
  {
    name: "node:http",
    streams: true,
    command: (port) => [process.execPath, join(HERE, "node.mjs"), `${port}`],
  },
  { name: "nginx", streams: true, command: nginx },
  { name: "Go net/http", streams: true, command: (port, _, built) => [join(built, "service"), `${port}`] },
  {
    name: "Java HttpServer",
    streams: true,
    command: (port, _, built) => ["java", "-cp", built, "Service", `${port}`],
  },
  {
    name: "Python http.server, HTTP/1.1",
    streams: false,
    command: (port) => ["/usr/bin/python3", python, `${port}`, "HTTP/1.1"],
  },
  {
    name: "Python http.server",
    streams: false,
    ends: true,
    command: (port) => ["/usr/bin/python3", python, `${port}`],
  },
];

/**
 * Files as Debian's nginx serves them: by sendfile, what it writes held back until a packet is full. Orders are for another
 * service behind it (nginx again), so that it reads a request to its end before it answers.
 */
function nginx(port: number, folder: string): readonly string[] {
  for (const { method, path, answer } of [...MIX, ...STREAMS]) {
    const [, place = "", name = ""] = path.split("/");
    if (method !== "GET" || name === "") continue;
    mkdirSync(join(folder, place), { recursive: true });
    writeFileSync(join(folder, place, name), answer);
  }
  const config = join(folder, "nginx.conf");
  writeFileSync(
    config,
    `daemon off; worker_processes 1; pid ${folder}/pid; user root; error_log stderr;
     events {} http { access_log off; sendfile on; tcp_nopush on; default_type text/plain;
       client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b; fastcgi_temp_path ${folder}/c;
       uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
       server { listen 127.0.0.1:${port}; root ${folder};
         location = /orders { proxy_pass http://unix:${folder}/orders.sock; }
         location /streamed/ { ssi on; ssi_types *; } }
       server { listen unix:${folder}/orders.sock; location / { return 200 "ordered $content_length\\n"; } } }`,
  );
  return ["nginx", "-e", "stderr", "-c", config];
}
