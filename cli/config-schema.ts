// SPDX-License-Identifier: Apache-2.0
import type { Limits } from "../core/limits.js";
import type { Labels } from "../l7policy/policy.js";
import type { Level } from "../sockmap/engine.js";
import { PORTS_SCHEMA } from "./port-name.js";

/** The configuration file of `sockmesh run`, checked against {@link CONFIG_SCHEMA}. Paths are as written in the file. */
export interface ConfigFile {
  /** A policy file, or a directory whose *.yaml and *.yml files are policies. */
  readonly policies?: string;
  /** Unix socket that `exec` and `status` talk to. */
  readonly socket?: string;
  /** `auto`: the kernel engine where it can run, else the user-space engine. */
  readonly engine?: "auto" | "kernel" | "user-space";
  /** Highest level for endpoints that name none. */
  readonly level?: Level;
  /** Explicit forwards, for machines without BPF: what arrives at `address` goes to `service`, under its policy. */
  readonly listen?: readonly ListenTerms[];
  /** Who is behind an address, for clients that are no endpoint of this agent. The longest prefix wins. */
  readonly addresses?: readonly AddressTerms[];
  /** Most unread bytes that one direction of a connection may have past TCP. */
  readonly creditBytes?: number;
  /** Most connections that the kernel takes part in; others go over TCP. */
  readonly kernelConnections?: number;
  /** `default`: who a policy selects is restricted; `always`: everybody is; `never`: nobody is. */
  readonly enforcement?: "default" | "always" | "never";
  /** What policy denies is forwarded, and put on record. */
  readonly audit?: boolean;
  /** What becomes of streams that are open when a new policy denies them. */
  readonly openStreams?: "close" | "keep";
  /** How long an endpoint keeps its identity after its labels changed. */
  readonly identityGraceMs?: number;
  /** Bounds on what one peer can make the sidecar hold or wait for. */
  readonly limits?: Partial<Limits>;
  /** One JSON line per request on standard output. */
  readonly accessLog?: boolean;
  readonly logLevel?: "debug" | "info" | "warn" | "error";
}

/** One explicit forward. Addresses are `127.0.0.1:80` or `[::1]:80`. */
export interface ListenTerms {
  readonly address: string;
  readonly service: string;
  /** Labels of the service: what `endpointSelector` sees. */
  readonly labels: Labels;
  /** Ports of the service by the names that rules may use. */
  readonly ports?: Readonly<Record<string, number>>;
}

/** Labels of everything behind an address prefix. */
export interface AddressTerms {
  /** `10.0.0.0/8`, `::1/128`, or one address. */
  readonly cidr: string;
  readonly labels: Labels;
  /** Ports there by the names that egress rules may use. */
  readonly ports?: Readonly<Record<string, number>>;
}

const LABELS = { type: "object", minProperties: 1, additionalProperties: { type: "string" } } as const;
const ADDRESS = { type: "string", format: "address" } as const;
const POSITIVE = { type: "integer", minimum: 1 } as const;

/** JSON Schema of {@link ConfigFile}. Unknown fields are errors. */
export const CONFIG_SCHEMA = {
  type: "object",
  additionalProperties: false,
  properties: {
    policies: { type: "string", minLength: 1 },
    socket: { type: "string", minLength: 1 },
    engine: { enum: ["auto", "kernel", "user-space"] },
    level: { enum: ["off", "shortcut", "splice"] },
    listen: {
      type: "array",
      items: {
        type: "object",
        additionalProperties: false,
        required: ["address", "service", "labels"],
        properties: { address: ADDRESS, service: ADDRESS, labels: LABELS, ports: PORTS_SCHEMA },
      },
    },
    addresses: {
      type: "array",
      items: {
        type: "object",
        additionalProperties: false,
        required: ["cidr", "labels"],
        properties: {
          cidr: { type: "string", format: "cidr" },
          labels: LABELS,
          ports: PORTS_SCHEMA,
        },
      },
    },
    creditBytes: { type: "integer", minimum: 4096 },
    kernelConnections: { type: "integer", minimum: 2, maximum: 1 << 20 },
    enforcement: { enum: ["default", "always", "never"] },
    audit: { type: "boolean" },
    openStreams: { enum: ["close", "keep"] },
    identityGraceMs: { type: "integer", minimum: 0, maximum: 600_000 },
    limits: {
      type: "object",
      additionalProperties: false,
      properties: {
        headBytes: POSITIVE,
        headerCount: POSITIVE,
        pipelined: POSITIVE,
        headMs: POSITIVE,
        idleMs: POSITIVE,
        connectMs: POSITIVE,
        drainMs: POSITIVE,
        connections: POSITIVE,
      },
    },
    accessLog: { type: "boolean" },
    logLevel: { enum: ["debug", "info", "warn", "error"] },
  },
} as const;
