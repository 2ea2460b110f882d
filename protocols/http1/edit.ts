// SPDX-License-Identifier: Apache-2.0
import type { FieldChange } from "../protocol.js";
import type { HttpRequest } from "./request.js";

/** The head with changed headers; all other bytes are those that would be forwarded. Rare: only where a rule asks. */
export function edit({ bytes }: HttpRequest, changes: readonly FieldChange[]): Uint8Array {
  // The head as it is forwarded: a request line, header lines, an empty line.
  const [line = "", ...headers] = Buffer.from(bytes).toString("latin1").slice(0, -4).split("\r\n");
  let lines = headers;
  for (const { kind, name, value } of changes) {
    const own = `${name.toLowerCase()}:`;
    if (kind !== "ADD")
      lines = lines.filter(
        (one) =>
          one.slice(0, own.length).toLowerCase() !== own ||
          (kind === "DELETE" && one.slice(own.length).replace(/^[ \t]+|[ \t]+$/g, "") === value),
      );
    if (kind !== "DELETE") lines = [...lines, `${name}: ${value}`];
  }
  return Buffer.from([line, ...lines, "", ""].join("\r\n"), "latin1");
}
