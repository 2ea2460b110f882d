// SPDX-License-Identifier: Apache-2.0
import { HttpField } from "../fields.js";
import type { HttpRequest } from "./request.js";

/** `GET /path` for logs. */
export function describe(request: HttpRequest): string {
  const { fields } = request;
  return `${fields.text(fields.find(HttpField.method))} ${fields.text(fields.find(HttpField.path))}`;
}
