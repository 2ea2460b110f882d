// SPDX-License-Identifier: Apache-2.0
import type { FieldChange, Request } from "../protocols/protocol.js";
import type { Connection } from "./connection.js";

/** The head of a request that was allowed, as it goes to the service: with what rules want done to its headers. */
export function forwardedHead(connection: Connection, request: Request): Uint8Array {
  const { terms, protocol } = connection;
  if (terms.kind !== "l7") return request.bytes;
  let changes: FieldChange[] | undefined;
  for (const set of terms.sets)
    for (const { mismatch: kind, name, value = "" } of set.effects?.(request.fields) ?? []) {
      if (kind === "LOG") connection.noteMismatch(request, name);
      else (changes ??= []).push({ kind, name, value });
    }
  return changes && protocol?.edit ? protocol.edit(request, changes) : request.bytes;
}
