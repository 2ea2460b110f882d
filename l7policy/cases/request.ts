// SPDX-License-Identifier: Apache-2.0
import { DEFAULT_LIMITS } from "../../core/limits.js";
import { SockmeshError } from "../../core/errors.js";
import { MemcachedField } from "../../protocols/fields.js";
import { memcached } from "../../protocols/memcached/index.js";
import { CASSANDRA_ACTIONS } from "../families/cassandra-actions.js";
import { KAFKA_KEYS } from "../families/kafka-keys.js";
import type { L7Request } from "../families/requests.js";

/** A request in words, as options of `policy explain` and cases of `policy test` write it; at most one is given. */
export interface RequestWords {
  /** `GET /path`. */
  readonly http?: string | undefined;
  /** `package.Service/Method`. */
  readonly grpc?: string | undefined;
  /** `Name: value`, of HTTP requests and gRPC calls. */
  readonly headers?: readonly string[] | undefined;
  /** A command line, e.g. `get key`. */
  readonly memcached?: string | undefined;
  /** `produce topic ... [client=NAME] [version=N]`. */
  readonly kafka?: string | undefined;
  /** `select keyspace.table`. */
  readonly cassandra?: string | undefined;
  /** The name that is asked for. */
  readonly dns?: string | undefined;
  /** The server that a TLS client names; empty for none. */
  readonly tls?: string | undefined;
}

/** Fields of {@link RequestWords} that name a request. */
export const REQUEST_WORDS = ["http", "grpc", "memcached", "kafka", "cassandra", "dns", "tls"] as const;

/** The request that words describe; undefined when they name none. Throws SM_USAGE. */
export function parseRequest(words: RequestWords): L7Request | undefined {
  const given = REQUEST_WORDS.filter((name) => words[name] !== undefined);
  const [name, other] = given;
  if (other !== undefined) throw usage(`${name} and ${other} cannot both be asked for`);
  if (words.headers?.length && name !== "http" && name !== "grpc")
    throw usage("headers belong to a request of http or grpc");
  const text = (name && words[name]) ?? "";
  switch (name) {
    case undefined:
      return undefined;
    case "http":
      return http(text, words.headers ?? []);
    case "grpc":
      return http(`POST /${text.replace(/^\//, "")}`, words.headers ?? []);
    case "memcached":
      return command(text);
    case "kafka":
      return kafka(text);
    case "cassandra":
      return query(text);
    case "dns":
      return { family: "dns", name: text };
    case "tls":
      return { family: "tls", serverName: text };
  }
}

function usage(message: string): SockmeshError {
  return new SockmeshError("SM_USAGE", message);
}

function http(text: string, lines: readonly string[]): L7Request {
  const [, method, path] = /^(\S+) (\S+)$/.exec(text) ?? [];
  if (method === undefined || path === undefined) throw usage(`no request: ${text}; write it as 'GET /path'`);
  const headers = lines.map((line): [string, string] => {
    const [, name, value] = /^([^:\s]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined || value === undefined)
      throw usage(`no header: ${line}; write it as 'Name: value'`);
    return [name, value];
  });
  const host = headers.find(([name]) => name.toLowerCase() === "host")?.[1] ?? "";
  return {
    family: "http",
    method,
    path,
    // Policy judges the host without its port.
    host: host.replace(/:\d+$/, ""),
    headers: headers.filter(([name]) => name.toLowerCase() !== "host"),
  };
}

/** Read by the codec itself, so that a command here is what it is on the wire. */
function command(text: string): L7Request {
  const commands: string[] = [];
  const keys: string[] = [];
  let fault: string | undefined;
  memcached.requests(DEFAULT_LIMITS).push(Buffer.from(`${text}\r\n`, "utf8"), {
    head({ fields, refusal }) {
      if (refusal) fault = "refused by the codec";
      for (let i = 0; i < fields.count; i++)
        (fields.kind[i] === MemcachedField.command ? commands : keys).push(fields.text(i));
    },
    body() {},
    end() {},
    fault: ({ reason }) => (fault = reason),
  });
  if (fault !== undefined || commands.length === 0)
    throw usage(`no memcached command: ${text} (${fault ?? "incomplete"})`);
  return { family: "memcached", commands, keys };
}

function kafka(text: string): L7Request {
  const [name = "", ...rest] = text.split(/[\s,]+/).filter(Boolean);
  const apiKey = KAFKA_KEYS[name.toLowerCase()];
  if (apiKey === undefined) throw usage(`no Kafka request: ${name}; write it as 'produce topic client=name'`);
  const settings = new Map<string, string>();
  const topics: string[] = [];
  for (const word of rest) {
    const [, key, value] = /^(client|version)=(.*)$/.exec(word) ?? [];
    if (key === undefined) topics.push(word);
    else settings.set(key, value ?? "");
  }
  const version = settings.get("version") ?? "0";
  if (!/^\d{1,5}$/.test(version)) throw usage(`no version of a Kafka request: ${version}`);
  return {
    family: "kafka",
    apiKey,
    apiVersion: Number(version),
    clientID: settings.get("client") ?? "",
    topics,
  };
}

function query(text: string): L7Request {
  const [, action = "", table = ""] = /^(\S+)(?: (\S+))?$/.exec(text.toLowerCase()) ?? [];
  if (["options", "startup", "register", "auth_response"].includes(action))
    return { family: "cassandra", action: undefined, table: "" };
  if (!CASSANDRA_ACTIONS.includes(action))
    throw usage(`no Cassandra action: ${text}; write it as 'select keyspace.table'`);
  return { family: "cassandra", action, table };
}
