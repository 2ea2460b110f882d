// SPDX-License-Identifier: Apache-2.0
import type { NameRule } from "../model.js";
import { kafkaKeyName, KAFKA_TOPIC_KEYS } from "./kafka-keys.js";
import { textFits } from "./matcher.js";
import type { CassandraRule, KafkaRule, MemcachedRule, TextRule } from "./model.js";
import { nameFits, serverNameFits } from "./names.js";
import type { L7Request } from "./requests.js";

type Of<F extends L7Request["family"]> = Extract<L7Request, { family: F }>;

/** The first condition of a rule that a request fails, for people; undefined when it fulfils all. */
export type Failure = string | undefined;

/** Memcached: every command and every key of the request must fit. */
export function memcachedFailure({ commands, keys }: MemcachedRule, request: Of<"memcached">): Failure {
  const other = commands && request.commands.find((command) => !commands.includes(command));
  if (other !== undefined) return `command: ${other} is not ${commands?.join(", ")}`;
  if (!keys) return undefined;
  if (request.keys.length === 0) return `key: ${request.commands.join(" ")} has none`;
  const wrong = request.keys.find((one) => !keys.some((key) => textFits(asBytes(key), one)));
  return wrong === undefined ? undefined : `key: ${wrong} ${keys.map(textWants).join(" and ")}`;
}

/** Memcached: for each command with each key there is a rule that fits both, if not the same for all. */
export function memcachedAllows(rules: readonly MemcachedRule[], request: Of<"memcached">): boolean {
  const { family, commands, keys } = request;
  const parts = keys.length === 0 ? [[]] : keys.map((key) => [key]);
  return commands.every((command) =>
    parts.every((part) =>
      rules.some((rule) => memcachedFailure(rule, { family, commands: [command], keys: part }) === undefined),
    ),
  );
}

const byteTexts = new WeakMap<TextRule, TextRule>();

/** The rule for keys that came as bytes: a text is its UTF-8. */
function asBytes(rule: TextRule): TextRule {
  if (rule.kind === "pattern" || rule.kind === "search") return rule;
  let made = byteTexts.get(rule);
  if (!made)
    byteTexts.set(
      rule,
      (made = { kind: rule.kind, text: Buffer.from(rule.text, "utf8").toString("latin1") }),
    );
  return made;
}

/** Cassandra: messages that are no queries, and `use`, pass; a query that names no table fits no table rule. */
export function cassandraFailure({ action, table }: CassandraRule, request: Of<"cassandra">): Failure {
  if (request.action === undefined || request.action === "use") return undefined;
  if (action !== undefined && action !== request.action) return `action: ${request.action} is not ${action}`;
  if (!table || textFits(table, request.table)) return undefined;
  return `table: ${request.table === "" ? "none is named" : request.table} ${textWants(table)}`;
}

/** Kafka without topics: key, version and client. */
export function kafkaFailure(rule: KafkaRule, request: Of<"kafka">): Failure {
  const { apiKeys, apiVersion, clientID } = rule;
  if (apiKeys && !apiKeys.includes(request.apiKey))
    return `apiKey: ${kafkaKeyName(request.apiKey)} is not ${apiKeys.map(kafkaKeyName).join(", ")}`;
  if (apiVersion !== undefined && apiVersion !== request.apiVersion)
    return `apiVersion: ${request.apiVersion} is not ${apiVersion}`;
  if (clientID !== undefined && clientID !== request.clientID)
    return `clientID: ${request.clientID || "none"} is not ${clientID}`;
  return undefined;
}

/** The topics of a request that a rule covers; all when it names no topic or the request has none to name. */
export function kafkaTopics(
  { topic }: KafkaRule,
  { apiKey, topics }: Of<"kafka">,
): readonly string[] | "all" {
  if (!topic || !KAFKA_TOPIC_KEYS.has(apiKey)) return "all";
  return topics.filter((one) => textFits(topic, one));
}

/** Kafka: some rule allows the request whatever its topics, or the rules together cover every topic. */
export function kafkaAllows(rules: readonly KafkaRule[], request: Of<"kafka">): boolean {
  const left = new Set(request.topics);
  for (const rule of rules) {
    if (kafkaFailure(rule, request) !== undefined) continue;
    const covered = kafkaTopics(rule, request);
    if (covered === "all") return true;
    for (const topic of covered) left.delete(topic);
  }
  // A request for all topics at once names none, and no topic rule covers it.
  return request.topics.length > 0 && left.size === 0;
}

/** DNS: the name that is asked for. */
export function dnsFailure(rule: NameRule, { name }: Of<"dns">): Failure {
  return nameFits(rule, name) ? undefined : `name: ${name} is not ${rule.text}`;
}

/** TLS: the server that the client names. */
export function tlsFailure({ text }: NameRule, { serverName }: Of<"tls">): Failure {
  if (serverNameFits(text, serverName)) return undefined;
  return `server name: ${serverName || "none"} is not ${text}`;
}

/** `is not X`, `does not begin with X` and so on. */
export function textWants({ kind, text }: TextRule): string {
  if (kind === "exact") return `is not ${text}`;
  if (kind === "prefix") return `does not begin with ${text}`;
  return kind === "pattern" ? `does not match ${text}` : `does not contain a match of ${text}`;
}
