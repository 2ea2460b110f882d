// SPDX-License-Identifier: Apache-2.0
import { CommanderError } from "commander";
import { SockmeshError, type ErrorCode } from "../core/errors.js";

/** Exit codes of all commands but `exec`, which passes its command's own. Documented in docs/operations.md (tested). */
export const Exit = {
  /** Done, and what was asked for holds. */
  ok: 0,
  /** Looked, and the answer is no: an invalid policy, an unmet expectation, a missing ability. */
  no: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** The machine lacks something that the command needs. */
  machine: 3,
  /** The agent does not answer or does not know what was asked for. */
  agent: 4,
  /** Something failed while running. */
  failed: 5,
  /** Of `exec`: sockmesh itself failed, the command was not started. */
  execFailed: 125,
  /** Of `exec`: the command cannot be executed. */
  notExecutable: 126,
  /** Of `exec`: there is no such command. */
  notFound: 127,
  /** Ended by Ctrl-C or a second SIGTERM. */
  interrupted: 130,
} as const;

const BY_CODE: Readonly<Record<ErrorCode, number>> = {
  SM_CONFIG_INVALID: Exit.usage,
  SM_POLICY_SYNTAX: Exit.no,
  SM_POLICY_FIELD: Exit.no,
  SM_POLICY_UNSUPPORTED: Exit.no,
  SM_POLICY_REGEX: Exit.no,
  SM_POLICY_CONFLICT: Exit.no,
  SM_MANIFEST_INVALID: Exit.usage,
  SM_PORT_IN_USE: Exit.failed,
  SM_BPF_UNAVAILABLE: Exit.machine,
  SM_BPF_LOAD: Exit.machine,
  SM_BPF_ATTACH: Exit.machine,
  SM_BPF_MAP: Exit.failed,
  SM_CGROUP: Exit.machine,
  SM_ENDPOINT: Exit.agent,
  SM_AGENT_UNREACHABLE: Exit.agent,
  SM_UPSTREAM_CONNECT: Exit.failed,
  SM_UPSTREAM_RESET: Exit.failed,
  SM_PROTOCOL: Exit.failed,
  SM_LIMIT: Exit.failed,
  SM_TIMEOUT: Exit.failed,
  SM_TOOL_MISSING: Exit.machine,
  SM_USAGE: Exit.usage,
};

/** Exit code of whatever a command threw. */
export function exitCode(thrown: unknown): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? Exit.ok : Exit.usage;
  return thrown instanceof SockmeshError ? BY_CODE[thrown.code] : Exit.failed;
}

/** What a person reads about a failure: code, where, what, and what to do. A defect of our own shows its stack. */
export function explain(thrown: unknown): string {
  if (thrown instanceof SockmeshError)
    return `sockmesh: ${thrown.code}: ${thrown.describe()}\n  ${thrown.hint}`;
  return `sockmesh: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`;
}
