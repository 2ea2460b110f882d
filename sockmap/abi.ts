// SPDX-License-Identifier: Apache-2.0
/**
 * The layout of everything that TypeScript and the BPF programs share. This file is the one source:
 * `npm run gen` writes `sockmap/bpf/abi.gen.h` from it, and CI compares.
 * Little endian; every field is aligned to its size, gaps are written out as `pad`.
 */
export type FieldType = "u8" | "u16" | "u32" | "u64" | `u8[${number}]`;

/** A C struct as an ordered list of fields. */
export interface StructLayout {
  readonly name: string;
  /** What it holds, for the C header. */
  readonly about: string;
  readonly fields: readonly (readonly [name: string, type: FieldType, about?: string])[];
}

/** One connection between two sockets, a (the active opener) and b. 192 bytes: a line per writer, so that no cache line is shared. */
export const RECORD: StructLayout = {
  name: "record",
  about: "what both ends of a pair of sockets tell each other",
  fields: [
    ["fast_a", "u64", "bytes that a sent past TCP; written by a's sendmsg"],
    ["read_a", "u64", "bytes of fast_b that a has read; by a, or by the sidecar where a is its socket"],
    ["pad_a", "u8[48]"],
    ["fast_b", "u64", "bytes that b sent past TCP; written by b's sendmsg"],
    ["read_b", "u64", "bytes of fast_a that b has read; by b, or by the sidecar where b is its socket"],
    ["pad_b", "u8[48]"],
    ["generation", "u32", "counts the uses of this record; a link with another generation is void"],
    ["flags", "u32", "RECORD_*"],
    ["pad_c", "u8[56]"],
  ],
};

/** Record flags. */
export const RecordFlag = {
  /** Both ends are in the map of sockets and may move bytes. */
  paired: 1,
} as const;

/** What the kernel tells the sidecar about a socket it accepted, by that socket's cookie. */
export const CONNECTION: StructLayout = {
  name: "connection",
  about: "an accepted connection, for the sidecar",
  fields: [
    ["since", "u64", "ktime of the establishment, ns"],
    ["record", "u32", "index of the record of the client's leg; 0 none"],
    ["client_endpoint", "u32", "endpoint that the client belongs to; 0 none"],
    ["service_endpoint", "u32", "endpoint that was called; 0 none"],
    ["outcome", "u32", "level of the client's leg or why it is off"],
    ["original_address", "u8[16]", "where a redirected client wanted to go; IPv4 as mapped IPv6"],
    ["original_port", "u32", "host order; 0 when the connect was not redirected"],
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
    ["pad", "u32"],
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

/** A port of an endpoint that stays on TCP. */
export const OPT_OUT_KEY: StructLayout = {
  name: "opt_out_key",
  about: "a port of an endpoint that stays on TCP",
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
    ["netns", "u64", "cookie of the network namespace whose listeners are captured"],
    ["credit", "u32", "most unread bytes that one direction may have past TCP"],
    ["tracing", "u32", "1: reads are published when recv returns"],
  ],
};

/** Constants of the header. */
export const Level = { off: 0, shortcut: 1, splice: 2 } as const;
/** Kinds of cgroup. */
export const GroupKind = { sidecar: 1, endpoint: 2 } as const;
/** Counters beside the outcomes, in the same per-CPU array. */
export const Total = { fastBytes: 60, tcpBytes: 61 } as const;
/** Sizes of maps. */
export const Size = { sockets: 65536, records: 16384 } as const;

/** All structs, in the order of the header. */
export const STRUCTS = [
  RECORD,
  CONNECTION,
  INTENT,
  GROUP,
  ENDPOINT,
  LISTEN_KEY,
  LISTENING,
  OPT_OUT_KEY,
  CONFIG,
];

const WIDTH: Record<string, number> = { u8: 1, u16: 2, u32: 4, u64: 8 };

/** Bytes that a field type takes. */
export function widthOf(type: FieldType): number {
  const array = /^u8\[(\d+)\]$/.exec(type);
  return array ? Number(array[1]) : (WIDTH[type] ?? 0);
}

/** Offsets by field name, and the size of the whole. Throws when a field is not aligned: gaps must be written out. */
export function layoutOf(struct: StructLayout): { size: number; offset: Readonly<Record<string, number>> } {
  const offset: Record<string, number> = {};
  let at = 0;
  for (const [name, type] of struct.fields) {
    const width = widthOf(type);
    const align = type.startsWith("u8") ? 1 : width;
    if (at % align !== 0) throw new RangeError(`${struct.name}.${name} is not aligned`);
    offset[name] = at;
    at += width;
  }
  if (at % 8 !== 0) throw new RangeError(`${struct.name} ends in a hidden gap`);
  return { size: at, offset };
}
