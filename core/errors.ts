// SPDX-License-Identifier: Apache-2.0
/** The closed list of error codes, each with the hint an operator gets. Documented in docs/errors.md (tested). */
export const ERROR_HINTS = {
  SM_CONFIG_INVALID: "Correct the named field of the configuration; what ran before keeps running.",
  SM_POLICY_SYNTAX: "The file is not valid YAML at the named line; the last good policy stays in force.",
  SM_POLICY_FIELD: "Correct or remove the named field; the last good policy stays in force.",
  SM_POLICY_UNSUPPORTED:
    "The field is known but cannot be enforced by a sidecar; remove it or move it elsewhere.",
  SM_POLICY_REGEX: "Write the pattern in RE2 syntax; it must match the whole field.",
  SM_POLICY_CONFLICT: "Two rules disagree on one port; keep one L7 family on each port and peer.",
  SM_MANIFEST_INVALID: "Correct the named field of the manifest; the command was not started.",
  SM_PORT_IN_USE: "Another process listens on that address; stop it or choose another port.",
  SM_BPF_UNAVAILABLE: "Run `sockmesh doctor`; without BPF traffic runs at level off.",
  SM_BPF_LOAD: "The kernel refused a program; the verifier's last lines follow. Run `sockmesh doctor`.",
  SM_BPF_ATTACH: "The program loaded but could not be attached; check cgroup v2 and capabilities.",
  SM_BPF_MAP: "A BPF map operation failed; check the memory and map limits.",
  SM_CGROUP: "cgroup v2 is needed to tell endpoints apart; mount it, or run as root.",
  SM_ENDPOINT: "No such endpoint, or its agent is not running; see `sockmesh status`.",
  SM_AGENT_UNREACHABLE: "Start the agent with `sockmesh run`, or name its socket with --socket.",
  SM_UPSTREAM_CONNECT: "The service does not accept connections; is it running and listening?",
  SM_UPSTREAM_RESET: "The service closed the connection before its answer was complete.",
  SM_PROTOCOL: "The peer sent bytes that the protocol forbids; the connection was closed.",
  SM_LIMIT: "A limit was reached; raise it in the configuration if the traffic is wanted.",
  SM_TIMEOUT: "The peer was silent for too long; raise the timeout if that is expected.",
  SM_TOOL_MISSING: "Install the named program, or run `make` as root so that it is installed.",
  SM_USAGE: "See `sockmesh --help`.",
} as const;

/** One of the codes of {@link ERROR_HINTS}. */
export type ErrorCode = keyof typeof ERROR_HINTS;

/** Where in a user's file an error lies. Lines and columns count from 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The one error type of sockmesh: a code from a closed list, what happened, and what an operator can do. */
export class SockmeshError extends Error {
  override readonly name = "SockmeshError";
  readonly code: ErrorCode;
  readonly hint: string;
  /** Position in a user's file, when the error is about one. */
  readonly at: SourcePosition | undefined;
  /** Field of the configuration or policy, e.g. `spec.ingress[0].toPorts[1].rules.http[0].path`. */
  readonly field: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    more: { cause?: unknown; at?: SourcePosition | undefined; field?: string | undefined } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.hint = ERROR_HINTS[code];
    this.at = more.at;
    this.field = more.field;
  }

  /** `file:line:column: field: message` as compilers print it; parts that are unknown are left out. */
  describe(): string {
    const where = this.at ? `${this.at.file}:${this.at.line}:${this.at.column}: ` : "";
    const field = this.field ? `${this.field}: ` : "";
    return `${where}${field}${this.message}`;
  }
}

/** Wraps anything thrown into a {@link SockmeshError}; one that is already ours passes unchanged. */
export function asSockmeshError(thrown: unknown, code: ErrorCode): SockmeshError {
  if (thrown instanceof SockmeshError) return thrown;
  return new SockmeshError(code, thrown instanceof Error ? thrown.message : String(thrown), {
    cause: thrown,
  });
}
