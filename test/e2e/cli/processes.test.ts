// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, test } from "@jest/globals";
import { existsSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  endAll,
  freePort,
  kernelEngine,
  launch,
  listens,
  runs,
  TestAgent,
  until,
  type Program,
} from "../../support/cli.js";

const kernel = await kernelEngine();
const SHOP = [process.execPath, resolve("examples/http/shop.mjs")];
const [CURL, PERL, CAT] = ["/usr/bin/curl", "/usr/bin/perl", "/bin/cat"].map((path) =>
  realpathSync(path),
) as [string, string, string];
const NODE = realpathSync(process.execPath);

/** Prints the status of a GET, 000 when it is not answered. */
const ASK = `
  const { get } = require("http");
  get(process.argv[1], ({ statusCode }) => { console.log(statusCode); process.exit(); })
    .on("error", () => console.log("000"));`;

/** Connects itself, by a child that ends, or becomes another program; prints the answer to a GET, if any. */
const LATE = `
  use Socket;
  my ($port, $how, $flag, $cat) = @ARGV;
  socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!;
  my $to = sockaddr_in($port, inet_aton("127.0.0.1"));
  if ($how eq "child") {
    my $child = fork();
    if ($child == 0) { connect($s, $to) or die $!; exit 0 }
    waitpid($child, 0);
  } else { connect($s, $to) or die $! }
  syswrite($s, "GET /products HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n");
  open(my $f, ">", $flag) or die $!; close($f);
  open(STDIN, "<&", $s) or die $!;
  close($s);
  exec($how eq "exec" ? $cat : ($^X, "-e", "print while <STDIN>"));`;

let agent: TestAgent | undefined;
const programs: Program[] = [];

afterEach(async () => {
  agent?.program.child.kill("SIGCONT");
  await endAll(programs, agent);
  agent = undefined;
});

function policy(rules: string): string {
  return `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: test }
spec:
${rules}`;
}

/** The shop takes clients whose process fits a rule. */
function allowing(process: string, http = ""): string {
  return policy(`  endpointSelector: { matchLabels: { app: shop } }
  ingress:
    - fromEndpoints: [{ matchLabels: { app: client } }]
      fromProcess: [${process}]
      ${http}
`);
}

async function shop(rules: string, config: object = {}) {
  const port = await freePort();
  const running = await TestAgent.start(rules, config);
  agent = running;
  programs.push(launch(running.exec("app=shop", [...SHOP, String(port)])));
  await until("the shop listens", () => listens(port));
  const url = `http://127.0.0.1:${port}/products`;
  /** What a command prints as an endpoint; what went wrong when it is nothing. */
  const client = async (command: readonly string[]): Promise<string> => {
    const { code, signal, stdout, stderr } = await runs(running.exec("app=client", command));
    return stdout.trim() || `${code ?? signal}: ${stderr}`;
  };
  const curl = [CURL, "-s", "-o", "/dev/null", "-w", "%{http_code}", url];
  return { running, port, url, client, curl, node: [process.execPath, "-e", ASK, url] };
}

async function replace(running: TestAgent, text: string): Promise<void> {
  const { revision } = (await running.status()).policy;
  writeFileSync(`${running.policies}.new`, text);
  renameSync(`${running.policies}.new`, running.policies);
  await until("the policy is in force", async () => {
    const { policy } = await running.status();
    return policy.revision > revision || policy.errors.length > 0;
  });
  expect((await running.status()).policy.errors).toEqual([]);
}

/** Connects while the agent cannot look, so that what it finds is what has become of the process. */
async function late(running: TestAgent, port: number, how: "child" | "exec" | "stay"): Promise<string> {
  const flag = join(running.folder, "connected");
  const go = join(running.folder, "go");
  for (const file of [flag, go]) rmSync(file, { force: true });
  const wait = `while [ ! -e "${go}" ]; do sleep 0.02; done; exec "$@"`;
  const command = ["sh", "-c", `echo > "${go}.waits"; ${wait}`, "sh"];
  rmSync(`${go}.waits`, { force: true });
  const program = launch(
    running.exec("app=client", [...command, PERL, "-e", LATE, String(port), how, flag, CAT]),
  );
  programs.push(program);
  await until("the client waits", () => existsSync(`${go}.waits`));
  running.program.child.kill("SIGSTOP");
  writeFileSync(go, "");
  await until("the client has connected", () => existsSync(flag));
  if (how === "exec") {
    const pid = program.child.pid ?? 0;
    await until("the client runs the other program", () => realpathSync(`/proc/${pid}/exe`) === CAT);
  }
  running.program.child.kill("SIGCONT");
  return (await program.ended).stdout;
}

(kernel ? describe : describe.skip)("rules that name processes", () => {
  test.each(["off", "shortcut", "splice"])(
    "of one endpoint the program that is named passes and no other, at level %s",
    async (level) => {
      const rule = `toPorts: [{ ports: [{ port: "1", endPort: 65535 }], rules: { http: [{ method: GET }] } }]`;
      const { running, client, curl, node } = await shop(allowing(`{ executable: ${CURL} }`, rule), {
        level,
      });
      expect(await client(curl)).toBe("200");
      expect(await client(node)).toBe("000");
      expect(await client(["sh", "-c", '"$@"; true', "sh", ...curl])).toBe("200");
      expect(await client([...curl, "-X", "DELETE"])).toBe("403");
      await replace(running, allowing(`{ executable: "${NODE}" }, { uid: 65534 }`, rule));
      expect(await client(curl)).toBe("000");
      expect(await client(node)).toBe("200");
    },
  );

  test("by user and by cgroup", async () => {
    const { running, client, curl } = await shop(allowing("{ uid: 65534 }"));
    const nobody = ["setpriv", "--reuid", "65534", "--clear-groups", ...curl];
    expect(await client(curl)).toBe("000");
    expect(await client(nobody)).toBe("200");
    await replace(running, allowing(`{ uid: 65534, executable: "${NODE}" }`));
    expect(await client(nobody)).toBe("000");
    await replace(running, allowing('{ cgroup: "/sockmesh-*/ep-*" }'));
    expect(await client(curl)).toBe("200");
    await replace(running, allowing('{ cgroup: "/sockmesh-*/ep-*/below" }'));
    expect(await client(curl)).toBe("000");
  });

  test("deny beats allow, on the way out too; who is not known is denied", async () => {
    const { running, client, curl, node, port } = await shop(
      policy(`  endpointSelector: { matchLabels: { app: client } }
  egress: [{ toEntities: [all] }]
  egressDeny: [{ fromProcess: [{ executable: "${NODE}" }], toEntities: [all] }]
`),
    );
    expect(await client(curl)).toBe("200");
    expect(await client(node)).toBe("000");
    const denying = `  endpointSelector: { matchLabels: { app: shop } }
  ingress: [{ fromEntities: [all] }]
  ingressDeny: [{ fromProcess: [{ executable: "${NODE}" }] }]
`;
    await replace(running, policy(denying));
    expect(await client(curl)).toBe("200");
    expect(await client(node)).toBe("000");
    // Of no endpoint: nothing was recorded.
    expect((await runs(curl)).stdout).toBe("000");
    expect(await late(running, port, "child")).toBe("");
    expect(await late(running, port, "stay")).toContain("200 OK");
  });

  test("it is the process that connected, or nobody", async () => {
    const { running, client, port, url } = await shop(allowing(`{ executable: "${PERL}" }`));
    expect(await late(running, port, "stay")).toContain("200 OK");
    // It ended before it was looked at; that its parent is the same program does not help.
    expect(await late(running, port, "child")).toBe("");
    await replace(running, allowing(`{ executable: "${CAT}" }`));
    expect(await late(running, port, "exec")).toBe("");
    await replace(running, allowing(`{ executable: "${CURL}" }`));
    // In a mount namespace of its own another file has the path.
    const posing = `mount --bind "$0" "${CURL}" && exec "${CURL}" -e "$1" "$2"`;
    expect(await client(["unshare", "-m", "sh", "-c", posing, NODE, ASK, url])).toBe("000");
    await replace(running, allowing(`{ executable: "${NODE}" }`));
    expect(await client(["unshare", "-m", "sh", "-c", posing, NODE, ASK, url])).toBe("000");
  });

  test("connections that were open before a rule named processes are of nobody", async () => {
    const open = policy(
      "  endpointSelector: { matchLabels: { app: shop } }\n  ingress: [{ fromEntities: [all] }]\n",
    );
    const { running, port, client, curl } = await shop(open);
    // A request now, and another each half second for as long as the connection is open.
    const asks = `
      const socket = require("net").connect(${port}, "127.0.0.1");
      const ask = () => socket.write("GET /products HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n");
      setInterval(ask, 500);
      ask();
      socket.on("data", () => require("fs").writeFileSync(process.argv[1], ""));
      socket.on("error", () => {}).on("close", () => process.exit());`;
    const flag = join(running.folder, "answered");
    const program = launch(running.exec("app=client", [process.execPath, "-e", asks, flag]));
    programs.push(program);
    await until("it is answered", () => existsSync(flag));
    await replace(running, allowing(`{ executable: "${CURL}" }, { executable: "${NODE}" }`));
    expect(await client(curl)).toBe("200");
    await program.ended;
    expect((await running.status()).outcomes["ended:policy"]).toBe(1);
  });
});
