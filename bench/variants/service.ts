// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, scratch, start, type Running } from "../harness/process.js";
import { itemPath } from "./policy.js";

/**
 * Sizes that {@link startService} answers; the first comes from memory, the others from files: by sendfile(2), or written
 * from a buffer where the path is {@link writtenPath}'s.
 */
const BODIES = [100, 10 * 1024, 1024 * 1024, 10 * 1024 * 1024];

/** The paths of {@link OTHER_PATHS} items, with their numbers from that one on behind it; each answers 100 bytes. */
export const OTHER_PATH = "/items/9";
/** How many there are; their numbers have four digits. */
export const OTHER_PATHS = 1000;

/** As `itemPath`, for a body that the service writes as those do that make theirs. */
export function writtenPath(bodyBytes: number): string {
  return itemPath(bodyBytes).replace(/(\d+)$/, "0$1");
}

/** A started server with the port it listens on. */
export interface Server {
  readonly port: number;
  readonly process: Running;
  stop(): Promise<void>;
}

/**
 * Starts the service that every variant stands before: nginx with one worker and Debian's settings for files.
 * @param prefix command that runs it, e.g. as an endpoint; empty for none
 * @param port where it listens; by default a free port
 */
export async function startService(prefix: readonly string[] = [], port?: number): Promise<Server> {
  const folder = scratch();
  port ??= await freePort();
  mkdirSync(join(folder, "items"));
  for (const bytes of BODIES)
    for (const path of [itemPath, writtenPath]) writeFileSync(join(folder, path(bytes)), "x".repeat(bytes));
  const body = `return 200 "${"x".repeat(100)}";`;
  const locations = `location = ${itemPath(100)} { ${body} } location ${OTHER_PATH} { ${body} }
    location /items/0 { sendfile off; output_buffers 2 256k; }`;
  return startNginx(
    folder,
    port,
    `server { listen 127.0.0.1:${port}; root ${folder}; ${locations} }`,
    prefix,
  );
}

/** Starts nginx with the given part of its `http` block; all its files stay in `folder`, which goes when it stops. */
export async function startNginx(
  folder: string,
  port: number,
  http: string,
  prefix: readonly string[] = [],
): Promise<Server> {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    .join(" ");
  const config = join(folder, "nginx.conf");
  // The temporary folder belongs to whoever runs the bench, so the worker must not become another user.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  writeFileSync(
    config,
    `daemon off; worker_processes 1; worker_rlimit_nofile 16384; pid ${folder}/pid; ${user}
    events { worker_connections 8192; }
    http {
      access_log off; ${temporary}
      sendfile on; tcp_nopush on; open_file_cache max=16;
      keepalive_requests 1000000000; keepalive_timeout 1h;
      ${http}
    }`,
  );
  const running = start([...prefix, "nginx", "-e", "stderr", "-p", folder, "-c", config]);
  const stop = async (): Promise<void> => {
    await running.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await running.listens(port);
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  return { port, process: running, stop };
}
