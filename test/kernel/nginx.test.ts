// SPDX-License-Identifier: Apache-2.0
/**
 * nginx believes FIONREAD: with bytes in two queues of one socket it would wait for ever for what it was not told of. Bodies
 * of all sizes, up to many times the credit, on the first and the second request of a connection, read or thrown away.
 */
import { expect, test } from "@jest/globals";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, launch, listens, policyFor, runs, TestAgent, until } from "../support/cli.js";

const SIZES = [100, 1100, 20_000, 1_000_000, 5_000_000, 50_000_000];

/** `/read` is for another server behind it, so that the body is read before the answer; `/early` is answered at once. */
function configuration(port: number, folder: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(" ");
  return `daemon off; worker_processes 1; pid ${folder}/pid; user root; error_log stderr; events {}
    http { access_log off; client_max_body_size 1g; ${temporary}
      server { listen 127.0.0.1:${port};
        location /read { proxy_pass http://unix:${folder}/socket; }
        location /early { return 200 "early\\n"; } }
      server { listen unix:${folder}/socket; location / { return 200 "read $content_length\\n"; } } }`;
}

test.each(["off", "shortcut", "splice"] as const)(
  "%s: nginx reads every body",
  async (level) => {
    const port = await freePort();
    const agent = await TestAgent.start(policyFor("web", port, ["client"], "{ method: PUT }"), { level });
    const { folder } = agent;
    const config = join(folder, "nginx.conf");
    const body = join(folder, "body");
    writeFileSync(config, configuration(port, folder));
    const web = launch(agent.exec("app=web", ["nginx", "-e", "stderr", "-c", config]));
    try {
      await until("nginx listens", () => listens(port));
      for (const size of SIZES) {
        writeFileSync(body, "x".repeat(size));
        for (const [path, answer] of [
          ["/read", `read ${size}\n`],
          ["/early", "early\n"],
        ]) {
          const once = ["-T", body, `http://127.0.0.1:${port}${path}`];
          const curl = ["curl", "-sS", "-m", "60", "-H", "Expect:", ...once, ...once];
          const { stdout, stderr } = await runs(agent.exec("app=client", curl));
          expect({ size, path, stdout, stderr }).toEqual({
            size,
            path,
            stdout: `${answer}${answer}`,
            stderr: "",
          });
        }
      }
    } finally {
      web.child.kill("SIGTERM");
      await web.ended;
      await agent.stop();
    }
  },
  120_000,
);
