// SPDX-License-Identifier: Apache-2.0
import type { MessagePort, Worker } from "node:worker_threads";
import type { ErrorCode, SockmeshError, SourcePosition } from "../../core/errors.js";
import type { CompiledTable } from "../../l7policy/compile/compile.js";
import type { SetSource } from "../../l7policy/compile/source.js";
import type { Made } from "../../l7policy/compile/workshop.js";
import type { L7Rules } from "../../l7policy/families/model.js";
import type { Policy } from "../../l7policy/model.js";

/** What a set is compiled from, its rules by their digests: the thread that compiles has read them. */
export interface SourceRef extends Omit<SetSource, "l7"> {
  readonly digests: readonly string[];
}

/** What the agent asks the thread that compiles; each request is answered by one reply, in order. */
export type CompilerRequest = { readonly id: number } &
  /** Reads the policies at a path. */
  (
    | { readonly op: "read"; readonly path: string }
    /** More of what was read. */
    | { readonly op: "more" }
    /** Compiles sets. `rules`: those that the thread said it does not know. */
    | { readonly op: "make"; readonly sets: readonly SourceRef[]; readonly rules: readonly L7Rules[] }
    /** Compiles what two sets allow together. */
    | {
        readonly op: "join";
        readonly sets: readonly [SourceRef, SourceRef];
        readonly rules: readonly L7Rules[];
      }
  );

/** A {@link CompilerRequest} before it has its number. */
export type CompilerQuestion = CompilerRequest extends infer R
  ? R extends CompilerRequest
    ? Omit<R, "id">
    : never
  : never;

/** A file that is new or other than it was, as parsed. */
export interface ChangedFile {
  readonly file: string;
  readonly policies: readonly Policy[];
  /** Of the L7 parts, in the order of `l7In`. */
  readonly digests: readonly string[];
}

/** An error as plain data. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly at: SourcePosition | undefined;
  readonly field: string | undefined;
}

/** Answer to a {@link CompilerRequest}. */
export type CompilerReply = { readonly id: number } & (
  | { readonly kind: "read"; readonly files: readonly string[]; readonly errors: readonly PlainError[] }
  /** `last`: there is no more. */
  | { readonly kind: "more"; readonly changed: readonly ChangedFile[]; readonly last: boolean }
  | { readonly kind: "made"; readonly made: readonly Made[] }
  | { readonly kind: "joined"; readonly table: CompiledTable | undefined }
  /** Some rules are not known here (any more): ask again with them. */
  | { readonly kind: "unknown" }
  | { readonly kind: "error"; readonly error: PlainError }
);

/** One end of the line between the two. */
export type CompilerPort = MessagePort | Worker;

/** What of an error goes over the line. */
export function plainError({ code, message, at, field }: SockmeshError): PlainError {
  return { code, message, at, field };
}
