// SPDX-License-Identifier: Apache-2.0
import type { SourcePosition } from "../../core/errors.js";
import type { NameRule } from "../model.js";

/** A header of an HTTP rule: present, or with exactly this value. Names compare without case. */
export interface HeaderRule {
  readonly name: string;
  readonly value: string | undefined;
}

/** What happens to a request that lacks a wanted header value but is allowed all the same. */
export interface HeaderAction extends HeaderRule {
  readonly mismatch: "LOG" | "ADD" | "DELETE" | "REPLACE";
}

/** One entry of `rules.http`: all given fields must match in full. */
export interface HttpRule {
  readonly at: SourcePosition;
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly host: string | undefined;
  readonly headers: readonly HeaderRule[];
  /** Done to requests that the rule allows. */
  readonly actions?: readonly HeaderAction[];
}

/** One entry of `rules.kafka`. Every topic of a request must be covered by the rules together. */
export interface KafkaRule {
  readonly at: SourcePosition;
  /** Numbers of the requests; undefined: every one. */
  readonly apiKeys: readonly number[] | undefined;
  readonly apiVersion: number | undefined;
  readonly clientID: string | undefined;
  readonly topic: { readonly kind: "exact" | "prefix"; readonly text: string } | undefined;
}

/** How a key or table is compared: a `pattern` is RE2 and must match the whole text, a `search` some part of it. */
export interface TextRule {
  readonly kind: "exact" | "prefix" | "pattern" | "search";
  readonly text: string;
}

/** One entry of `rules.memcached`, or of `l7` with `l7proto: memcache`. */
export interface MemcachedRule {
  readonly at: SourcePosition;
  /** Names of commands; undefined: every one. */
  readonly commands: readonly string[] | undefined;
  /** A key must fit one of these; undefined: every key, and commands without any. */
  readonly keys: readonly TextRule[] | undefined;
  /** Keys that no rule allows are reported missing to this rule's lookups, instead of the request being denied. */
  readonly hides: boolean;
}

/** One entry of `rules.cassandra`, or of `l7` with `l7proto: cassandra`. */
export interface CassandraRule {
  readonly at: SourcePosition;
  /** E.g. `select`, `create-table`; undefined: every one. */
  readonly action: string | undefined;
  /** Of `keyspace.table`. */
  readonly table: TextRule | undefined;
}

/** One entry of `rules.grpc`. `*` in service and method stands for any characters. */
export interface GrpcRule {
  readonly at: SourcePosition;
  readonly service: string | undefined;
  readonly method: string | undefined;
  readonly metadata: readonly HeaderRule[];
}

/** Rules of one family. */
interface Rules<F extends string, R> {
  readonly family: F;
  /** Where in the `toPorts` entry they stand, e.g. `rules.http`, `rules.l7`, `serverNames`. */
  readonly field: string;
  readonly rules: readonly R[];
}

/** The L7 part of a `toPorts` entry: one family. No entries: nothing is allowed. */
export type L7Rules =
  | Rules<"http", HttpRule>
  | Rules<"grpc", GrpcRule>
  | Rules<"dns", NameRule>
  | Rules<"kafka", KafkaRule>
  | Rules<"memcached", MemcachedRule>
  | Rules<"cassandra", CassandraRule>
  /** From `serverNames`: the name that a TLS client asks for. */
  | Rules<"tls", NameRule>;

/** Names of the L7 families. */
export type Family = L7Rules["family"];
