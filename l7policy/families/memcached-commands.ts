// SPDX-License-Identifier: Apache-2.0
const STORAGE = ["add", "set", "replace", "append", "prepend", "cas", "incr", "decr"];
const WRITE = [...STORAGE, "delete", "touch"];

/** Commands that have a name of their own in policies: those that the codec reads, as it names them. */
const COMMANDS = [
  ...["get", "gets", "bget", "gat", "gats", ...WRITE, "mg", "ms", "md", "ma", "me", "mn"],
  ...["version", "quit", "stats", "flush_all", "verbosity", "cache_memlimit", "lru", "lru_crawler", "slabs"],
  ...["extstore", "shutdown", "watch", "noop", "sasl_list_mechs", "sasl_auth", "sasl_step"],
];

/** Cilium's groups, and its names for what the codec calls otherwise. */
const CILIUM: Readonly<Record<string, readonly string[]>> = {
  get: ["get", "gets"],
  gat: ["gat", "gats"],
  storage: STORAGE,
  writeGroup: WRITE,
  "sasl-list-mechs": ["sasl_list_mechs"],
  "sasl-auth": ["sasl_auth"],
  "sasl-step": ["sasl_step"],
};

/** Groups of the typed section: every command, the meta ones too, that only reads, only writes, or runs the server. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  read: ["get", "gets", "bget", "mg", "me"],
  write: [...WRITE, "ms", "md", "ma"],
  admin: [
    ...["stats", "flush_all", "verbosity", "cache_memlimit", "lru", "lru_crawler", "slabs", "extstore"],
    ...["shutdown", "watch"],
  ],
};

/** Commands whose denied keys can be reported missing. */
export const MEMCACHED_LOOKUPS: readonly string[] = ["get", "gets", "bget", "gat", "gats", "mg"];

/** Words that `command` may be. */
export const MEMCACHED_COMMANDS: readonly string[] = [
  ...new Set([...COMMANDS, ...Object.keys(CILIUM), ...Object.keys(GROUPS)]),
].sort();

/** Commands that a word of a policy stands for; undefined for an unknown word. */
export function memcachedCommands(word: string): readonly string[] | undefined {
  if (Object.hasOwn(CILIUM, word)) return CILIUM[word];
  if (Object.hasOwn(GROUPS, word)) return GROUPS[word];
  return COMMANDS.includes(word) ? [word] : undefined;
}
