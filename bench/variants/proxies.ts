// SPDX-License-Identifier: Apache-2.0
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, scratch, start } from "../harness/process.js";
import type { Target, Variant } from "../harness/runner.js";
import { RULE, rulePaths, verified } from "./policy.js";
import { startNginx, startService, type Server } from "./service.js";
import { findEnvoy, missing } from "./tools.js";

/** nginx as reverse proxy with one worker; its buffering never touches the disk. */
export const nginxProxy: Variant = comparator(
  "nginx",
  () => missing("nginx"),
  (port, service) => {
    const { name, value } = RULE.header;
    const variable = `$http_${name.toLowerCase().replaceAll("-", "_")}`;
    return startNginx(
      scratch(),
      port,
      `map "$request_method $uri" $line { default 0; "~^${RULE.method} ${RULE.path}$" 1; }
       map "$line ${variable}" $allowed { default 0; "1 ${value}" 1; }
       upstream service { server 127.0.0.1:${service}; keepalive 64; keepalive_requests 1000000000; }
       server {
         listen 127.0.0.1:${port};
         if ($allowed = 0) { return 403; }
         location / {
           proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection "";
           proxy_max_temp_file_size 0;
         }
       }`,
    );
  },
);

/** haproxy with one thread. */
export const haproxy: Variant = comparator(
  "haproxy",
  () => missing("haproxy"),
  (port, service) =>
    startWithFile("haproxy.cfg", haproxyConfig(port, service), port, (file) => [
      "haproxy",
      "-db",
      "-f",
      file,
    ]),
);

/** Envoy with one worker. */
export const envoy: Variant = envoyWith("envoy", 1);

/** Envoy with one worker and so many rules of its RBAC filter, see `rulePaths`. */
export function envoyWith(name: string, rules: number): Variant {
  return comparator(
    name,
    () => (findEnvoy() ? undefined : "envoy is not installed (`make bench` fetches it)"),
    (port, service) =>
      startWithFile("envoy.json", JSON.stringify(envoyConfig(port, service, rules)), port, (file) => [
        findEnvoy() ?? "envoy",
        ...["-c", file, "--concurrency", "1", "-l", "error"],
        // Instances of one machine share memory by this number.
        ...["--base-id", String(port)],
      ]),
  );
}

/** A proxy of others before the service, both started afresh. */
function comparator(
  name: string,
  unavailable: () => string | undefined,
  startProxy: (port: number, service: number) => Promise<Server>,
): Variant {
  const variant: Variant = {
    name,
    unavailable: async () => unavailable(),
    async start(): Promise<Target> {
      const service = await startService();
      try {
        const proxy = await startProxy(await freePort(), service.port);
        return {
          port: proxy.port,
          pids: [service.process.pid, proxy.process.pid],
          clientPrefix: [],
          async stop() {
            await proxy.stop();
            await service.stop();
          },
        };
      } catch (thrown) {
        await service.stop();
        throw thrown;
      }
    },
  };
  return verified(variant, true);
}

async function startWithFile(
  name: string,
  text: string,
  port: number,
  command: (file: string) => string[],
): Promise<Server> {
  const folder = scratch();
  const file = join(folder, name);
  writeFileSync(file, text);
  const running = start(command(file));
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

function haproxyConfig(port: number, service: number): string {
  return `global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend bench
  bind 127.0.0.1:${port}
  acl method_ok method ${RULE.method}
  acl path_ok path -m reg ^${RULE.path}$
  acl header_ok req.hdr(${RULE.header.name}) -m str ${RULE.header.value}
  http-request deny deny_status 403 unless method_ok path_ok header_ok
  default_backend service
backend service
  server service 127.0.0.1:${service}
`;
}

function envoyConfig(port: number, service: number, rules: number): object {
  const extension = (type: string, more: object = {}): object => ({
    "@type": `type.googleapis.com/envoy.extensions.${type}`,
    ...more,
  });
  const at = (portValue: number): object => ({
    socket_address: { address: "127.0.0.1", port_value: portValue },
  });
  const exact = (name: string, value: string): object => ({
    header: { name, string_match: { exact: value } },
  });
  const permissions = rulePaths(rules).map((regex) => ({
    and_rules: {
      rules: [
        exact(":method", RULE.method),
        { url_path: { path: { safe_regex: { regex } } } },
        exact(RULE.header.name, RULE.header.value),
      ],
    },
  }));
  const manager = extension("filters.network.http_connection_manager.v3.HttpConnectionManager", {
    stat_prefix: "bench",
    route_config: {
      virtual_hosts: [
        { name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "service" } }] },
      ],
    },
    http_filters: [
      {
        name: "envoy.filters.http.rbac",
        typed_config: extension("filters.http.rbac.v3.RBAC", {
          rules: {
            action: "ALLOW",
            policies: { bench: { permissions, principals: [{ any: true }] } },
          },
        }),
      },
      { name: "envoy.filters.http.router", typed_config: extension("filters.http.router.v3.Router") },
    ],
  });
  return {
    static_resources: {
      listeners: [
        {
          name: "bench",
          address: at(port),
          filter_chains: [
            {
              filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }],
            },
          ],
        },
      ],
      clusters: [
        {
          name: "service",
          type: "STATIC",
          connect_timeout: "5s",
          load_assignment: {
            cluster_name: "service",
            endpoints: [{ lb_endpoints: [{ endpoint: { address: at(service) } }] }],
          },
        },
      ],
    },
  };
}
