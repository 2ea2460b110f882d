// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Ended } from "../support/cli.js";
import { expected, planText, shown, type Call } from "./traffic.js";

const HERE = resolve("test/servers/clients");

/** Runs a command as the client's endpoint. */
export type Run = (command: readonly string[]) => Promise<Ended>;

/** What a client is to do. */
export interface Task {
  readonly url: string;
  readonly plan: readonly Call[];
  /** The service ends the connection with each answer. */
  readonly ends: boolean;
  /** For files. */
  readonly folder: string;
  /** Has the compiled programs. */
  readonly built: string;
}

/** What a client had to do, and what came of it. Both lists are equal when all is well. */
export interface Report {
  readonly expected: readonly string[];
  readonly got: readonly string[];
  /** Requests that policy allows; undefined: as many as the time allowed. */
  readonly allowed: number | undefined;
  /** And that it denies; likewise. */
  readonly denied: number | undefined;
}

/** A client: what it is called in the table, and how it makes requests. */
export interface Client {
  readonly name: string;
  make(run: Run, task: Task): Promise<Report>;
}

/** A program that takes URL and PLAN and prints a line for each answer. */
function planned(
  name: string,
  command: (task: Task) => readonly string[],
  { more = [], heads = true }: { more?: readonly string[]; heads?: boolean } = {},
): Client {
  return {
    name,
    async make(run, task) {
      const plan = heads ? task.plan : withoutHeads(task.plan);
      const file = join(task.folder, "plan");
      writeFileSync(file, planText(plan));
      const { stdout, stderr } = await run([...command(task), task.url, file, ...more]);
      return report(plan, [...stdout.trim().split("\n"), ...stderr.split("\n").slice(0, -1)]);
    },
  };
}

function report(plan: readonly Call[], got: readonly string[]): Report {
  const denied = plan.filter(({ status }) => status === 403).length;
  return { expected: plan.map(expected), got, allowed: plan.length - denied, denied };
}

const withoutHeads = (plan: readonly Call[]): Call[] => plan.filter(({ method }) => method !== "HEAD");
const node = (file: string) => () => [process.execPath, join(HERE, file)];
const python = (file: string) => () => ["/usr/bin/python3", "-B", join(HERE, file)];

/** Java 17 takes a connection for open after an answer of HTTP/1.0, and gives up where it is not unless told to try again. */
const java = ({ built, ends }: Task): string[] => [
  "java",
  ...(ends ? ["-Djdk.httpclient.enableAllMethodRetry=true"] : []),
  ...["-cp", built, "Client"],
];

/** One invocation for all, which keeps the connection. */
const curl: Client = {
  name: "curl",
  async make(run, { url, plan, folder }) {
    const config = join(folder, "curl");
    const output = (at: number): string => join(folder, `answer-${at}`);
    const options = ({ method, path, customer, size }: Call, at: number): string[] => [
      "silent",
      "show-error",
      `url = "${url}${path}"`,
      `output = "${method === "HEAD" ? "/dev/null" : output(at)}"`,
      String.raw`write-out = "%{http_code}\n"`,
      ...(method === "HEAD" ? ["head"] : method === "GET" ? [] : [`request = ${method}`]),
      ...(customer ? [`header = "X-Customer: ${customer}"`] : []),
      ...(size ? [`data = "${"b".repeat(size)}"`] : []),
    ];
    writeFileSync(config, plan.map((call, at) => options(call, at).join("\n")).join("\nnext\n"));
    const { stdout, stderr } = await run(["curl", "-K", config]);
    const statuses = stdout.trim().split("\n").map(Number);
    const got = statuses.map((status, at) =>
      shown(status, plan[at]?.method === "HEAD" ? "" : readFileSync(output(at), "utf8")),
    );
    return report(plan, stderr ? [...got, stderr] : got);
  },
};

/** For a second over four connections, each somewhere in the plan. It cannot read answers to HEAD. */
const wrk: Client = {
  name: "wrk",
  async make(run, { url, plan, folder }) {
    const file = join(folder, "plan");
    writeFileSync(file, planText(withoutHeads(plan)));
    const script = join(HERE, "wrk.lua");
    const { stdout } = await run(["wrk", "-t1", "-c4", "-d1s", "-s", script, url, "--", file]);
    const [, answers, denied, errors] = /answers (\d+) wrong 0 denied (\d+) errors (\d+)/.exec(stdout) ?? [
      stdout,
    ];
    const right = Number(answers) > 100 && Number(denied) > 0 ? "answers as planned" : `answers: ${stdout}`;
    return {
      expected: ["answers as planned", "0 errors"],
      got: [right, `${errors} errors`],
      allowed: undefined,
      denied: undefined, // some may be under way at its end
    };
  },
};

/** One request of one kind at a time, over four connections. */
const hey: Client = {
  name: "hey (Go)",
  async make(run, { url, plan }) {
    const wanted: string[] = [];
    const got: string[] = [];
    const count = { allowed: 0, denied: 0 };
    const kinds = new Map(
      plan.map((call) => [`${call.method} ${call.path} ${call.size} ${call.customer}`, call]),
    );
    for (const { method, path, customer, size, status, answer } of kinds.values()) {
      const requests = status === 403 ? 12 : 60;
      const { stdout } = await run([
        ...["hey", "-n", `${requests}`, "-c", "4", "-m", method],
        ...(customer ? ["-H", `X-Customer: ${customer}`] : []),
        ...(size ? ["-d", "b".repeat(size)] : []),
        url + path,
      ]);
      wanted.push(`${method} ${path} [${status}]${requests} responses, ${answer.length}`);
      const statuses = /\[\d+\]\s+\d+ responses/.exec(stdout)?.[0].replace(/\s+(?=\d)/, "");
      const bytes = Number(/Size\/request:\s+(\d+)/.exec(stdout)?.[1] ?? 0);
      got.push(`${method} ${path} ${statuses ?? stdout}, ${method === "HEAD" ? 0 : bytes}`);
      count[status === 403 ? "denied" : "allowed"] += requests;
    }
    return { expected: wanted, got, ...count };
  },
};

export const CLIENTS: readonly Client[] = [
  curl,
  wrk,
  hey,
  // undici opens a connection for each request once it has made one with HEAD, with or without a sidecar.
  planned("undici", node("undici.mjs"), { heads: false }),
  planned("node:http Agent", node("node-http.mjs")),
  planned("axios", node("axios.mjs")),
  planned("Python http.client", python("http_client.py")),
  planned("Python requests", python("requests_client.py")),
  planned("Java HttpClient, HTTP/1.1", java, { more: ["HTTP_1_1"] }),
  planned("Java HttpClient", java),
];
