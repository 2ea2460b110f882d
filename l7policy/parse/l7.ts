// SPDX-License-Identifier: Apache-2.0
import { actionHasNoTable, CASSANDRA_ACTIONS } from "../families/cassandra-actions.js";
import { KAFKA_KEYS, KAFKA_ROLES, topicOfId } from "../families/kafka-keys.js";
import { MEMCACHED_COMMANDS, memcachedCommands, MEMCACHED_LOOKUPS } from "../families/memcached-commands.js";
import type { CassandraRule, GrpcRule, KafkaRule, MemcachedRule, TextRule } from "../families/model.js";
import type { SourcePosition } from "../../core/errors.js";
import type { NameRule } from "../model.js";
import { object, optional, type Complain, type ObjectOf } from "../shape/object.js";
import { choice, convert, integer, list, text, type Shape } from "../shape/shape.js";
import { header, pattern } from "./pattern.js";

const NAME = text({ pattern: /^([-a-zA-Z0-9_]+\.)*[-a-zA-Z0-9_]+\.?$/, says: "is no DNS name", most: 255 });
const NAME_PATTERN = text({
  pattern: /^([-a-zA-Z0-9_*]+\.)*[-a-zA-Z0-9_*]+\.?$/,
  says: "is no pattern of DNS names (letters, digits, - _ . and *)",
  most: 255,
});

/** An entry of `rules.dns` and of `toFQDNs`. */
export const nameRule: Shape<NameRule> = convert(
  object(
    {
      matchName: optional(NAME, "The whole name."),
      matchPattern: optional(
        NAME_PATTERN,
        "* is any characters of one label; **. at the start one label or more; * alone every name.",
      ),
    },
    ({ matchName, matchPattern }, complain) => {
      if ((matchName === undefined) === (matchPattern === undefined))
        complain("matchName", "exactly one of matchName and matchPattern must be given");
    },
  ),
  ({ at, matchName, matchPattern }) =>
    matchName !== undefined
      ? { at, kind: "name", text: matchName }
      : { at, kind: "pattern", text: matchPattern ?? "" },
);

const TOPIC = text({ pattern: /^[A-Za-z0-9._-]+$/, says: "is no topic name", most: 255 });
const TOPIC_ID = text({
  pattern: /^[A-Za-z0-9_-]{22}$/,
  says: "is no topic id (22 letters, digits, - and _)",
});
const fold = (words: readonly string[], what: string): Shape<string> =>
  convert(
    text(),
    (value, spot) =>
      words.find((word) => word === value.toLowerCase()) ?? spot.fail(`unknown ${what} ${value}`),
    { type: "string", pattern: `^(${words.map(anyCase).join("|")})$` },
  );
const anyCase = (word: string): string => word.replace(/[a-z]/g, (c) => `[${c}${c.toUpperCase()}]`);

/** An entry of `rules.kafka`. */
export const kafkaRule: Shape<KafkaRule> = convert(
  object(
    {
      role: optional(
        fold(Object.keys(KAFKA_ROLES), "role"),
        "produce or consume: every request that one needs.",
      ),
      apiKey: optional(fold(Object.keys(KAFKA_KEYS), "apiKey"), "Name of the request, e.g. produce."),
      apiVersion: optional(integer(0, 32767), "Version of the request."),
      clientID: optional(text({ least: 1 }), "The client's own name for itself."),
      topic: optional(TOPIC, "The whole topic. Every topic of a request must be covered by some rule."),
      topicPrefix: optional(TOPIC, "What the topic begins with (sockmesh's own)."),
      topicID: optional(
        TOPIC_ID,
        "The topic's id as Kafka prints it, for requests that name no name (sockmesh's own).",
      ),
    },
    ({ role, apiKey, topic, topicPrefix, topicID }, complain) => {
      if (role !== undefined && apiKey !== undefined) complain("apiKey", "cannot be combined with role");
      if (topic !== undefined && topicPrefix !== undefined)
        complain("topicPrefix", "cannot be combined with topic");
      if (topicID !== undefined && (topic !== undefined || topicPrefix !== undefined))
        complain("topicID", "cannot be combined with topic or topicPrefix");
    },
  ),
  ({ at, role, apiKey, apiVersion, clientID, topic, topicPrefix, topicID }) => ({
    at,
    apiKeys:
      role !== undefined ? KAFKA_ROLES[role] : apiKey !== undefined ? [KAFKA_KEYS[apiKey] ?? 0] : undefined,
    apiVersion,
    clientID,
    topic:
      topic !== undefined
        ? { kind: "exact", text: topic }
        : topicPrefix !== undefined
          ? { kind: "prefix", text: topicPrefix }
          : topicID !== undefined
            ? { kind: "exact", text: topicOfId(topicID) }
            : undefined,
  }),
);

const COMMAND = choice(MEMCACHED_COMMANDS);
const WORDS = "A command, or a group: get, gat, storage, writeGroup, read, write, admin.";

/** One way that a key may be. */
const memcachedKey: Shape<TextRule> = convert(
  object(
    {
      exact: optional(text({ least: 1 }), "The whole key."),
      prefix: optional(text({ least: 1 }), "What the key begins with."),
      regex: optional(pattern, "RE2 pattern of the whole key."),
    },
    ({ exact, prefix, regex }, complain) => {
      if ([exact, prefix, regex].filter((one) => one !== undefined).length !== 1)
        complain("", "exactly one of exact, prefix and regex must be given");
    },
  ),
  ({ exact, prefix, regex }) => textRule(exact, prefix, regex, "pattern"),
);

/** An entry of `rules.memcached`. */
export const memcachedRule: Shape<MemcachedRule> = convert(
  object(
    {
      command: optional(COMMAND, WORDS),
      commands: optional(list(COMMAND, { least: 1 }), "Several of them."),
      keyExact: optional(text({ least: 1 }), "The whole key. Every key of a request must fit."),
      keyPrefix: optional(text({ least: 1 }), "What the key begins with."),
      keyPattern: optional(pattern, "RE2 pattern of the whole key."),
      keys: optional(list(memcachedKey, { least: 1 }), "Several ways that a key may be."),
      deniedKeys: optional(
        choice(["deny", "missing"]),
        "missing: lookups by this rule's commands are told that keys which no rule allows do not exist. deny (the default): the whole command is denied.",
      ),
    },
    ({ command, commands, keyExact, keyPrefix, keyPattern, keys, deniedKeys }, complain) => {
      if (command !== undefined && commands !== undefined)
        complain("commands", "cannot be combined with command");
      if ([keyExact, keyPrefix, keyPattern, keys].filter((one) => one !== undefined).length > 1)
        complain("", "only one of keyExact, keyPrefix, keyPattern and keys may be given");
      const words = commands ?? (command === undefined ? undefined : [command]);
      if (deniedKeys === "missing" && words && !words.some((word) => looksUp(word)))
        complain("deniedKeys", `is for lookups (${MEMCACHED_LOOKUPS.join(", ")}), and none is named`);
    },
  ),
  ({ at, command, commands, keyExact, keyPrefix, keyPattern, keys, deniedKeys }) => ({
    at,
    commands: commandsOf(commands ?? (command === undefined ? undefined : [command])),
    keys: keys ?? listOf(textRule(keyExact, keyPrefix, keyPattern, "pattern")),
    hides: deniedKeys === "missing",
  }),
);

function commandsOf(words: readonly string[] | undefined): readonly string[] | undefined {
  return words && [...new Set(words.flatMap((word) => memcachedCommands(word) ?? []))];
}

function looksUp(word: string): boolean {
  return (memcachedCommands(word) ?? []).some((command) => MEMCACHED_LOOKUPS.includes(command));
}

function listOf<T>(one: T | undefined): readonly T[] | undefined {
  return one === undefined ? undefined : [one];
}

const ACTION = choice(CASSANDRA_ACTIONS);

/** An entry of `rules.cassandra`. */
export const cassandraRule: Shape<CassandraRule> = convert(
  object(
    {
      action: optional(ACTION, "What the query does, e.g. select."),
      table: optional(text({ least: 1 }), "The whole keyspace.table."),
      tablePattern: optional(pattern, "RE2 pattern of the whole keyspace.table."),
    },
    ({ action, table, tablePattern }, complain) => {
      if (table !== undefined && tablePattern !== undefined)
        complain("tablePattern", "cannot be combined with table");
      if (action !== undefined && actionHasNoTable(action) && (table ?? tablePattern) !== undefined)
        complain("action", `${action} names no table: leave the table out`);
    },
  ),
  ({ at, action, table, tablePattern }) => ({
    at,
    action,
    table: textRule(table, undefined, tablePattern, "pattern"),
  }),
);

const GLOB = text({ pattern: /^[A-Za-z0-9_.*]+$/, says: "is no name (letters, digits, _ . and *)" });

/** An entry of `rules.grpc`. */
export const grpcRule: Shape<GrpcRule> = convert(
  object({
    service: optional(GLOB, "The whole package.Service; * is any characters."),
    method: optional(GLOB, "The whole method; * is any characters."),
    metadata: optional(list(header), 'Request metadata: "name: value" wants exactly that value, "name" any.'),
  }),
  ({ at, service, method, metadata }) => ({ at, service, method, metadata: metadata ?? [] }),
);

const L7_ENTRY = {
  query_action: optional(ACTION, "cassandra: what the query does."),
  query_table: optional(pattern, "cassandra: RE2 pattern found anywhere in keyspace.table."),
  command: optional(COMMAND, "memcache: a command or group."),
  keyExact: optional(text(), "memcache: the whole key."),
  keyPrefix: optional(text(), "memcache: what the key begins with."),
  keyRegex: optional(pattern, "memcache: RE2 pattern found anywhere in the key."),
};
const KEYS = {
  cassandra: ["query_action", "query_table"],
  memcache: ["command", "keyExact", "keyPrefix", "keyRegex"],
} as const;

/** Entries of `l7`, as strings; which of them fit is known with `l7proto`. */
export const l7Entry = object(L7_ENTRY);
/** Read by {@link l7Entry}. */
export type L7Entry = ObjectOf<typeof L7_ENTRY>;
/** `l7proto` values that are understood. */
export const l7Proto = choice(["cassandra", "memcache"], {
  r2d2: "is a toy protocol without servers; remove it",
});

/** Notes what is wrong with entries of `l7` for a protocol. */
export function checkL7(proto: keyof typeof KEYS, entries: readonly L7Entry[], complain: Complain): void {
  entries.forEach((entry, i) => {
    const at: { at: SourcePosition } = { at: entry.at };
    for (const key of Object.keys(L7_ENTRY) as (keyof typeof L7_ENTRY)[])
      if (entry[key] !== undefined && !(KEYS[proto] as readonly string[]).includes(key))
        complain(`l7[${i}].${key}`, `is no key of ${proto}`, at);
    if (proto === "memcache") {
      const keys = [entry.keyExact, entry.keyPrefix, entry.keyRegex].filter(Boolean);
      if (keys.length > 0 && entry.command === undefined)
        complain(`l7[${i}].command`, "is missing: a key needs a command", at);
      if (keys.length > 1)
        complain(`l7[${i}]`, "only one of keyExact, keyPrefix and keyRegex may be given", at);
    } else if (entry.query_action !== undefined && actionHasNoTable(entry.query_action) && entry.query_table)
      complain(`l7[${i}].query_action`, `${entry.query_action} names no table: leave query_table out`, at);
  });
}

/** An entry of `l7` of a cassandra rule. Its pattern is found anywhere: so it was in Cilium. */
export function cassandraEntry({ at, query_action, query_table }: L7Entry): CassandraRule {
  return {
    at,
    action: query_action,
    table: textRule(undefined, undefined, query_table || undefined, "search"),
  };
}

/** An entry of `l7` of a memcache rule. Its pattern is found anywhere: so it was in Cilium. */
export function memcacheEntry({ at, command, keyExact, keyPrefix, keyRegex }: L7Entry): MemcachedRule {
  return {
    at,
    commands: command === undefined ? undefined : memcachedCommands(command),
    // Empty keys count as left out, as in Cilium.
    keys: listOf(textRule(keyExact || undefined, keyPrefix || undefined, keyRegex || undefined, "search")),
    hides: false,
  };
}

function textRule(
  exact: string | undefined,
  prefix: string | undefined,
  regex: string | undefined,
  kind: "pattern" | "search",
): TextRule | undefined {
  if (exact !== undefined) return { kind: "exact", text: exact };
  if (prefix !== undefined) return { kind: "prefix", text: prefix };
  return regex === undefined ? undefined : { kind, text: regex };
}
