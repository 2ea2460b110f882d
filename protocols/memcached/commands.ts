// SPDX-License-Identifier: Apache-2.0
import { Expectation } from "./frames.js";
import { groupOf, NO_GROUP } from "./groups.js";

/** What stands behind a command's name. */
export enum Form {
  /** Keys up to the line's end. */
  keys,
  /** Expiration, then keys. */
  touchKeys,
  /** key flags exptime bytes [cas]; a value follows. */
  storage,
  /** One key, then arguments. */
  key,
  /** `delete`: noreply counts only behind the key. */
  delete,
  /** No key. */
  plain,
  /** `slabs`: noreply counts only behind `automove`. */
  slabs,
  /** `lru_crawler`: two of its subcommands stream. */
  crawler,
  meta,
  metaSet,
  metaDebug,
  /** A stream without an end. */
  watch,
}

/** One command of the text and meta protocols as memcached 1.6 reads it. */
export interface Command {
  readonly form: Form;
  /** Fewest and most tokens, the name counted. */
  readonly least: number;
  readonly most: number;
  /** An exact last token `noreply` is obeyed. */
  readonly noreply: boolean;
  readonly expectation: number;
  readonly last: boolean;
  /** Position in `GROUPS`. */
  readonly group: number;
}

function command(form: Form, least: number, most: number, noreply: boolean, expectation: number): Command {
  return { form, least, most, noreply, expectation, last: false, group: NO_GROUP };
}

const { line, values, stats, meta } = Expectation;
const ANY = Number.MAX_SAFE_INTEGER;
const store = command(Form.storage, 5, 6, true, line);
const fetch = command(Form.keys, 2, ANY, false, values);
const gat = command(Form.touchKeys, 2, ANY, false, values);
const count = command(Form.key, 3, 4, true, line);
const metaKey = command(Form.meta, 2, ANY, false, meta);
const setting = command(Form.plain, 2, 3, true, line);

/** Commands by name, case-sensitive. What is not here is refused: it may carry a value in another version. */
const COMMANDS: readonly (readonly [string, Command])[] = [
  ["get", fetch],
  ["gets", fetch],
  ["bget", fetch],
  ["gat", gat],
  ["gats", gat],
  ["set", store],
  ["add", store],
  ["replace", store],
  ["append", store],
  ["prepend", store],
  ["cas", command(Form.storage, 6, 7, true, line)],
  ["delete", command(Form.delete, 2, 4, true, line)],
  ["incr", count],
  ["decr", count],
  ["touch", count],
  ["mg", metaKey],
  ["md", metaKey],
  ["ma", metaKey],
  ["ms", command(Form.metaSet, 2, ANY, false, meta)],
  ["me", command(Form.metaDebug, 2, ANY, false, line)],
  ["mn", command(Form.plain, 1, ANY, false, line)],
  ["version", command(Form.plain, 1, ANY, false, line)],
  ["quit", { ...command(Form.plain, 1, ANY, false, line), last: true }],
  ["stats", command(Form.plain, 1, ANY, false, stats)],
  ["flush_all", command(Form.plain, 1, 3, true, line)],
  ["verbosity", setting],
  ["cache_memlimit", setting],
  ["lru", command(Form.plain, 2, ANY, true, line)],
  ["extstore", command(Form.plain, 2, ANY, true, line)],
  ["slabs", command(Form.slabs, 1, ANY, true, line)],
  ["lru_crawler", command(Form.crawler, 1, ANY, false, line)],
  ["shutdown", command(Form.plain, 1, ANY, false, line)],
  ["watch", command(Form.watch, 1, ANY, false, line)],
];

const LONGEST = 15;
const BUCKETS: { readonly name: Uint8Array; readonly command: Command }[][] = [];
for (const [name, command] of COMMANDS)
  (BUCKETS[name.charCodeAt(0) * (LONGEST + 1) + name.length] ??= []).push({
    name: Buffer.from(name),
    command: { ...command, group: groupOf(name) },
  });

/** The command whose name stands at bytes [start, end); undefined when memcached 1.6 has none. Makes no string. */
export function findCommand(bytes: Uint8Array, start: number, end: number): Command | undefined {
  if (end - start > LONGEST) return undefined;
  const bucket = BUCKETS[(bytes[start] ?? 0) * (LONGEST + 1) + end - start];
  if (bucket) for (const { name, command } of bucket) if (equals(bytes, start, end, name)) return command;
  return undefined;
}

/** Compares bytes [start, end) with a word. */
export function equals(bytes: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (bytes[start + i] !== word[i]) return false;
  return true;
}
