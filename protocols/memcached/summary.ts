// SPDX-License-Identifier: Apache-2.0
import { MemcachedField } from "../fields.js";
import type { MemcachedRequest } from "./request.js";

/** `get first-key (+2)` for logs. */
export function describe(request: MemcachedRequest): string {
  const { fields } = request;
  const command = fields.find(MemcachedField.command);
  if (command < 0) return "refused command";
  const key = fields.find(MemcachedField.key);
  if (key < 0) return fields.text(command);
  let more = -1;
  for (let i = key; i >= 0; i = fields.find(MemcachedField.key, i + 1)) more++;
  return `${fields.text(command)} ${fields.text(key)}${more > 0 ? ` (+${more})` : ""}`;
}
