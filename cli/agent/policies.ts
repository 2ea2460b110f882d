// SPDX-License-Identifier: Apache-2.0
import { isUtf8 } from "node:buffer";
import { readdirSync, readFileSync, statSync, watch } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Clock } from "../../core/clock.js";
import { SockmeshError } from "../../core/errors.js";
import type { Log } from "../../core/log.js";
import type { Policy } from "../../l7policy/model.js";
import { parsePolicies, type Parsed } from "../../l7policy/parse/parse.js";
import { enforceable, type Abilities } from "../../l7policy/resolve/enforce.js";
import { ABILITIES } from "./abilities.js";

/** Editors and ConfigMap updates make several changes in a row; they are taken as one. */
const SETTLE_MS = 100;

/** Policies of a file or directory: all of them, or every error. */
export interface LoadedPolicies {
  readonly files: readonly string[];
  readonly policies: readonly Policy[];
  readonly errors: readonly SockmeshError[];
}

/** There are none. */
export const NO_POLICIES: LoadedPolicies = { files: [], policies: [], errors: [] };

/** What became of files as they were read last, by path: what did not change is not parsed again. */
export type ParsedFiles = Map<string, { readonly text: string; readonly parsed: Parsed }>;

/**
 * Policy files at a path: the file itself, or the directory's *.yaml and *.yml in order, without *.test.yaml, which hold
 * expectations. Throws SM_CONFIG_INVALID.
 */
export function policyFiles(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    return readdirSync(path)
      .filter((name) => /\.ya?ml$/.test(name) && !/\.test\.ya?ml$/.test(name) && !name.startsWith("."))
      .sort()
      .map((name) => join(path, name));
  } catch (cause) {
    throw new SockmeshError("SM_CONFIG_INVALID", (cause as Error).message, { cause, field: "policies" });
  }
}

/**
 * Reads policy files, all before any is refused, so that one run shows every error.
 * @param abilities of who will enforce them; what it cannot is an error
 * @param known what was read before, brought up to date
 */
export function loadPolicies(
  files: readonly string[],
  abilities: Abilities = ABILITIES,
  known: ParsedFiles = new Map(),
): LoadedPolicies {
  const policies: Policy[] = [];
  const errors: SockmeshError[] = [];
  for (const file of files) {
    try {
      const parsed = parseFile(file, known);
      if (parsed.ok) policies.push(...parsed.policies);
      else errors.push(...parsed.errors);
    } catch (cause) {
      errors.push(unreadable(file, cause));
    }
  }
  for (const file of known.keys()) if (!files.includes(file)) known.delete(file);
  errors.push(...enforceable(policies, abilities));
  return { files, policies, errors };
}

function parseFile(file: string, known: ParsedFiles): Parsed {
  const bytes = readFileSync(file);
  // Read as they are, broken bytes would become a character that patterns and names could match.
  if (!isUtf8(bytes)) return { ok: false, errors: [notText(file, bytes)] };
  const text = bytes.toString("utf8");
  const before = known.get(file);
  if (before?.text === text) return before.parsed;
  const parsed = parsePolicies(file, text);
  known.set(file, { text, parsed });
  return parsed;
}

function notText(file: string, bytes: Buffer): SockmeshError {
  let end = 0;
  let line = 1;
  // The first line with such bytes; a line feed is no part of any other character.
  for (
    let next = bytes.indexOf(10);
    next >= 0 && isUtf8(bytes.subarray(0, next));
    next = bytes.indexOf(10, end)
  ) {
    end = next + 1;
    line++;
  }
  return new SockmeshError("SM_POLICY_SYNTAX", "is no valid UTF-8", { at: { file, line, column: 1 } });
}

function unreadable(file: string, cause: unknown): SockmeshError {
  const message = `cannot be read: ${(cause as Error).message}`;
  return new SockmeshError("SM_POLICY_SYNTAX", message, { cause, at: { file, line: 1, column: 1 } });
}

/**
 * Calls `onChange` a moment after the policies at a path changed, with the clock of when that was noticed. Watching stops
 * with `close`; `again` calls at once, changed or not.
 */
export function watchPolicies(
  path: string,
  clock: Clock,
  log: Log,
  onChange: (since: number) => void,
): { again: () => void; close: () => void } {
  let cancel = (): void => {};
  const changed = (): void => {
    cancel();
    onChange(clock.now());
  };
  const settle = (): void => {
    cancel();
    cancel = clock.after(SETTLE_MS, changed);
  };
  const directory = statSync(path).isDirectory();
  // A file is watched by its directory: editors put a new file in its place.
  const watcher = watch(directory ? path : dirname(path), (_event, name) => {
    if (directory || name === null || name === basename(path)) settle();
  });
  watcher.on("error", (cause) =>
    log.error({ path, cause: cause.message }, "policies are no longer watched; send SIGHUP to read them"),
  );
  return {
    again: changed,
    close() {
      cancel();
      watcher.close();
    },
  };
}
