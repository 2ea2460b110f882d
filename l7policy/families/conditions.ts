// SPDX-License-Identifier: Apache-2.0
import type { NameRule } from "../model.js";
import { grpcAsHttp } from "./grpc.js";
import {
  cassandraFailure,
  dnsFailure,
  kafkaFailure,
  kafkaTopics,
  memcachedFailure,
  textWants,
  tlsFailure,
} from "./judge.js";
import { patternFits } from "./matcher.js";
import type { HttpRule, KafkaRule, L7Rules } from "./model.js";
import type { L7Request } from "./requests.js";

/** How far a request gets with one L7 rule: conditions met, all conditions, and the first that failed. */
export interface Progress {
  readonly met: number;
  readonly of: number;
  /** Undefined when all are met. */
  readonly failed: string | undefined;
}

/** How far a request gets with rule `index`; undefined when it is of another protocol. */
export function progressOf(l7: L7Rules, index: number, request: L7Request): Progress | undefined {
  if (l7.family === "http" && request.family === "http") return httpProgress(l7.rules[index], request);
  if (l7.family === "grpc" && request.family === "http") {
    const rule = l7.rules[index];
    return httpProgress(rule && grpcAsHttp(rule), request);
  }
  if (l7.family === "kafka" && request.family === "kafka") return kafkaProgress(l7.rules[index], request);
  if (l7.family === "dns" && request.family === "dns")
    return single(l7.rules[index], (r) => dnsFailure(r, request));
  if (l7.family === "tls" && request.family === "tls")
    return single(l7.rules[index], (r) => tlsFailure(r, request));
  if (l7.family === "memcached" && request.family === "memcached")
    return single(l7.rules[index], (rule) => memcachedFailure(rule, request));
  if (l7.family === "cassandra" && request.family === "cassandra")
    return single(l7.rules[index], (rule) => cassandraFailure(rule, request));
  return undefined;
}

function single<R extends NameRule | object>(
  rule: R | undefined,
  failure: (rule: R) => string | undefined,
): Progress {
  const failed = rule ? failure(rule) : "there is no such rule";
  return { met: failed === undefined ? 1 : 0, of: 1, failed };
}

function httpProgress(rule: HttpRule | undefined, request: Extract<L7Request, { family: "http" }>): Progress {
  const checks: (string | undefined)[] = [];
  const field = (name: "method" | "path" | "host"): void => {
    const pattern = rule?.[name];
    if (pattern === undefined) return;
    const text = request[name];
    const fits = patternFits(pattern, Buffer.from(text, "utf8"));
    checks.push(fits ? undefined : `${name}: ${text || "none"} does not match ${pattern}`);
  };
  field("method");
  field("path");
  field("host");
  for (const { name, value } of rule?.headers ?? []) {
    const own = request.headers.filter(([one]) => one.toLowerCase() === name.toLowerCase());
    const fits = own.some(([, text]) => value === undefined || text === value);
    const has = own.length === 0 ? "is missing" : `is ${own.map(([, text]) => text).join(", ")}`;
    checks.push(
      fits ? undefined : `header ${name}: ${has}${value === undefined ? "" : `, must be ${value}`}`,
    );
  }
  const failed = checks.find((one) => one !== undefined);
  return { met: checks.filter((one) => one === undefined).length, of: checks.length, failed };
}

function kafkaProgress(
  rule: KafkaRule | undefined,
  request: Extract<L7Request, { family: "kafka" }>,
): Progress {
  if (!rule) return { met: 0, of: 1, failed: "there is no such rule" };
  const failed = kafkaFailure(rule, request);
  if (failed !== undefined) return { met: 0, of: 2, failed };
  const covered = kafkaTopics(rule, request);
  if (covered === "all" || (request.topics.length > 0 && covered.length === request.topics.length))
    return { met: 2, of: 2, failed: undefined };
  const missing = request.topics.find((topic) => !covered.includes(topic));
  const wants = rule.topic ? textWants(rule.topic) : "";
  return {
    met: 1,
    of: 2,
    failed: missing === undefined ? "topic: none is named" : `topic: ${missing} ${wants}`,
  };
}
