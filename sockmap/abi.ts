// SPDX-License-Identifier: Apache-2.0
import * as table from "../core/table.js";

/**
 * The layout of everything that TypeScript and the BPF programs share. This file is the one source:
 * `npm run gen` writes `sockmap/bpf/abi.gen.h` from it, and CI compares.
 * Little endian; every field is aligned to its size, gaps are written out as `pad`.
 */
export type FieldType = "u8" | "u16" | "u32" | "u64" | `u8[${number}]` | `u64[${number}]`;

/** A C struct as an ordered list of fields. */
export interface StructLayout {
  readonly name: string;
  /** What it holds, for the C header. */
  readonly about: string;
  readonly fields: readonly (readonly [name: string, type: FieldType, about?: string])[];
}

/**
 * Two sockets that move bytes to each other past TCP, a (the active opener) and b. At level shortcut the two ends of one
 * leg; at level splice the client's socket (a) and the service's (b), with the sidecar between them. Lines of 64 bytes by
 * writer, so that no cache line is shared by two that write often. Counters of u32 are modulo 2^32. A `body` word is written by whoever
 * holds the direction: the sender's program while all slow bytes are dealt with, else the sidecar.
 */
export const RECORD: StructLayout = {
  name: "record",
  about: "what both ends of a pair of sockets tell each other",
  fields: [
    ["fast_a", "u64", "bytes that a sent past TCP; written by a's sendmsg"],
    ["read_a", "u64", "bytes that a has read; written by a's recv, or by the sidecar where a is its socket"],
    ["body_f", "u64", "BODY_* and bytes of the current request's body still to come"],
    ["started", "u64", "ktime of the request under way, ns; 0 when another one was before it"],
    ["requests", "u32", "requests that a sent past TCP"],
    ["head_request", "u32", "position of the last HEAD request among all that reached b"],
    ["tally", "u32", "where the request under way is counted"],
    ["pad_a", "u32"],
    ["cookie_b", "u64", "of b's socket; by the callback of its establishment"],
    ["pad_a2", "u8[8]"],
    ["fast_b", "u64", "bytes that b sent past TCP; written by b's sendmsg"],
    ["read_b", "u64", "bytes that b has read, likewise"],
    ["body_r", "u64", "BODY_* and bytes of the current response's body still to come"],
    ["sender", "u64", "thread of the last send of b"],
    ["responses", "u32", "final responses that b has completed past TCP"],
    ["send_begin", "u32", "sends of b that the program moved"],
    ["send_end", "u32", "those of them that are in a's queue for certain"],
    ["ambiguous", "u32", "1: two threads of b sent at once, ends of sends cannot be told apart"],
    ["answer_class", "u32", "first digit of the status of the response under way"],
    ["pad_b", "u32"],
    ["cookie_a", "u64", "of a's socket, likewise"],
    ["injected_f", "u64", "level splice: bytes that the sidecar sent to b past TCP; written by its sendmsg"],
    ["injected_r", "u64", "likewise to a"],
    ["strayed_f", "u32", "1: bytes of the sidecar went to b over TCP; nothing may be moved beside them"],
    ["strayed_r", "u32", "likewise to a"],
    ["generation", "u32", "counts the uses of this record; a link with another generation is void"],
    ["flags", "u32", "RECORD_*, by the sidecar"],
    [
      "in_f",
      "u32",
      "slow bytes of a that the sidecar has dealt with, parser state stored in body_f, and sent on",
    ],
    ["in_r", "u32", "slow bytes of b, likewise"],
    ["slot", "u32", "table that judges the requests; 0 none"],
    ["answers", "u32", "table that reads the responses; 0 none"],
    ["requests_slow", "u32", "requests with an answer that the sidecar forwarded to b"],
    ["responses_slow", "u32", "final responses that the sidecar forwarded to a"],
    ["paired", "u32", "1: both ends are in the map of sockets and may move bytes; likewise"],
    ["pad_c", "u32"],
  ],
};

/** Record flags. */
export const RecordFlag = {
  /** The kernel may move what its table allows (level splice). */
  on: 1,
  /** Responses go through the sidecar, which is about to answer itself or must see them. */
  responsesSlow: 2,
  /** Nothing is inspected: whole streams are allowed. */
  opaque: 4,
  /** Messages are commands and answers of memcached, not of HTTP. */
  memcached: 32,
  /** The sidecar waits until a has read so much of what was moved to it that there is room for more. */
  awaitsReadA: 8,
  /** Likewise b. */
  awaitsReadB: 16,
} as const;

/** In the upper bits of a `body` word. */
export const BodyKind = {
  /** Set: the body is chunked; the rest counts bytes of the current chunk and its line end, 0 before a size line. */
  chunkedBit: 63,
} as const;

/** What the kernel tells the sidecar about a socket it accepted, by that socket's cookie. */
export const CONNECTION: StructLayout = {
  name: "connection",
  about: "an accepted connection, for the sidecar",
  fields: [
    ["since", "u64", "ktime of the establishment, ns"],
    ["client_cookie", "u64", "of the client's socket; 0 unknown"],
    ["record", "u32", "index of the record of the client's leg; 0 none"],
    ["client_endpoint", "u32", "endpoint that the client belongs to; 0 none"],
    ["service_endpoint", "u32", "endpoint that was called; 0 none"],
    ["outcome", "u32", "level of the client's leg or why it is off"],
    ["original_address", "u8[16]", "where a redirected client wanted to go; IPv4 as mapped IPv6"],
    ["original_port", "u32", "host order; 0 when the connect was not redirected"],
    ["pad", "u32"],
    [
      "alone",
      "u64",
      "cookie of a client whose socket is in the map of sockets while the sidecar's is not; 0 none",
    ],
  ],
};

/** The process that called connect(2), by the cookie of its socket. */
export const PROCESS: StructLayout = {
  name: "process",
  about: "the process that called connect",
  fields: [
    ["start", "u64", "when it began, ns since boot"],
    ["cgroup", "u64", "id of its cgroup"],
    ["inode", "u64", "of its executable"],
    ["device", "u32", "that the inode is on, as the kernel writes it: 12 bits major, 20 bits minor"],
    ["pid", "u32", "in the first pid namespace"],
    ["uid", "u32", "its real user, in the first user namespace"],
    ["pad", "u32"],
  ],
};

/** What the sidecar tells the kernel about the connect that it makes next. One word group, consumed by that connect. */
export const INTENT: StructLayout = {
  name: "intent",
  about: "the sidecar's next connect",
  fields: [
    ["record", "u32", "record for the upstream leg; 0 no intent"],
    ["level", "u32", "LEVEL_*"],
    ["client_address", "u8[16]", "address that the service shall see; IPv4 as mapped IPv6"],
    ["client_port", "u32", "host order; 0 leave the sidecar's"],
    ["generation", "u32", "of the record"],
  ],
};

/** A cgroup that the engine knows. */
export const GROUP: StructLayout = {
  name: "group",
  about: "a cgroup: the sidecar's own or an endpoint's",
  fields: [
    ["kind", "u32", "GROUP_*"],
    ["endpoint", "u32"],
  ],
};

/** What holds for an endpoint; array by endpoint number. */
export const ENDPOINT: StructLayout = {
  name: "endpoint",
  about: "terms of an endpoint",
  fields: [
    ["level", "u32", "LEVEL_*"],
    ["live", "u32", "1 while the endpoint exists"],
    ["incompatible", "u32", "1: a reader was seen that sockmaps break; new connections stay on TCP"],
    ["pad", "u32"],
  ],
};

/** A listening address, IPv4 as mapped IPv6, wildcard all zero. */
export const LISTEN_KEY: StructLayout = {
  name: "listen_key",
  about: "an address that a service of an endpoint listens on",
  fields: [
    ["address", "u8[16]"],
    ["port", "u32", "host order"],
    ["pad", "u32"],
  ],
};

/** Who listens there. */
export const LISTENING: StructLayout = {
  name: "listening",
  about: "who listens",
  fields: [
    ["endpoint", "u32"],
    ["count", "u32", "listening sockets now; 0 means nothing to protect"],
  ],
};

/** A port of an endpoint that stays on TCP, or whose datagrams are dropped. */
export const OPT_OUT_KEY: StructLayout = {
  name: "opt_out_key",
  about: "a port of an endpoint that stays on TCP, or whose datagrams are dropped",
  fields: [
    ["endpoint", "u32"],
    ["port", "u32"],
  ],
};

/** Load-time configuration (`const volatile`). */
export const CONFIG: StructLayout = {
  name: "config",
  about: "load-time configuration",
  fields: [
    ["abi", "u32", "what `abiDigest` says of the layouts that the object was made with"],
    ["pad", "u32"],
    ["netns", "u64", "cookie of the network namespace whose listeners are captured"],
    ["credit", "u32", "most unread bytes that one direction may have past TCP"],
    ["tracing", "u32", "1: reads are published when recv returns"],
    ["guard", "u32", "1: endpoints with a reader that sockmaps break are put back to TCP"],
    ["head", "u32", "most bytes of a head; longer ones are for the sidecar to refuse"],
    ["lines", "u32", "most lines of a head"],
    ["pad2", "u32"],
  ],
};

/** Constants of the header. */
export const Level = { off: 0, shortcut: 1, splice: 2 } as const;
/** Kinds of cgroup. */
export const GroupKind = { sidecar: 1, endpoint: 2 } as const;
/** Counters beside the outcomes, in the same per-CPU array. */
export const Total = { fastBytes: 60, tcpBytes: 61 } as const;
/** Sizes of maps. */
export const Size = { sockets: 65536, records: 16384, slots: 1024, tallies: 4096, processes: 16384 } as const;
/** Programs behind the entry program, replaceable under live connections: that of the highest level, and where it leads. */
export const Stage = { first: 0, shortcut: 1, memcached: 2 } as const;
/** A table's number is its place in the outer map of its size, plus this many bits further up the size's own number. */
export const SlotBits = { size: 16 } as const;

/** What the kernel counts of requests that it moved; per CPU, one for each rule of each loaded table. */
export const TALLY: StructLayout = {
  name: "tally",
  about: "spliced requests of one rule",
  fields: [
    ["requests", "u64"],
    ["classes", "u64[8]", "responses by the first digit of their status"],
    [
      "latency",
      "u64[32]",
      "requests that were alone, by log2 of the microseconds to the end of the response",
    ],
  ],
};

/** All structs, in the order of the header. */
export const STRUCTS = [
  RECORD,
  CONNECTION,
  PROCESS,
  INTENT,
  GROUP,
  ENDPOINT,
  LISTEN_KEY,
  LISTENING,
  OPT_OUT_KEY,
  CONFIG,
  TALLY,
];

/** A number that differs, almost surely, when a layout or a constant that programs and TypeScript share does (FNV-1a). */
export function abiDigest(): number {
  const shared = [
    ...[STRUCTS, RecordFlag, Level, GroupKind, Total, Stage, SlotBits, BodyKind],
    // Programs of another version must not run the tables of this one.
    ...[table.TableHeader, table.TABLE_CLASSES, table.TABLE_SIZES, table.TableAction, table.ActionKind],
    ...[table.TableRequirement, table.TableBit, table.JudgeBound],
    ...[table.CommandAnswer, table.AnswerLine, table.CommandBound],
  ];
  let digest = 0x811c9dc5;
  for (const byte of Buffer.from(JSON.stringify(shared))) digest = Math.imul(digest ^ byte, 0x01000193);
  return digest >>> 0;
}

const WIDTH: Record<string, number> = { u8: 1, u16: 2, u32: 4, u64: 8 };

/** Bytes that a field type takes. */
export function widthOf(type: FieldType): number {
  const array = /^(u8|u64)\[(\d+)\]$/.exec(type);
  return array ? (WIDTH[array[1] ?? ""] ?? 0) * Number(array[2]) : (WIDTH[type] ?? 0);
}

/** Offsets by field name, and the size of the whole. Throws when a field is not aligned: gaps must be written out. */
export function layoutOf(struct: StructLayout): { size: number; offset: Readonly<Record<string, number>> } {
  const offset: Record<string, number> = {};
  let at = 0;
  for (const [name, type] of struct.fields) {
    const width = widthOf(type);
    const align = WIDTH[type.replace(/\[.*/, "")] ?? 1;
    if (at % align !== 0) throw new RangeError(`${struct.name}.${name} is not aligned`);
    offset[name] = at;
    at += width;
  }
  if (at % 8 !== 0) throw new RangeError(`${struct.name} ends in a hidden gap`);
  return { size: at, offset };
}
