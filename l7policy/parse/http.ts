// SPDX-License-Identifier: Apache-2.0
import type { HeaderAction, HeaderRule, HttpRule } from "../model.js";
import { object, optional, refused, required } from "../shape/object.js";
import { choice, convert, list, text, type Read, type Shape } from "../shape/shape.js";
import { header, headerName, pattern } from "./pattern.js";

/** Headers that no rule may change. */
const FRAMING = [
  ...["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"],
  ...["keep-alive", "proxy-connection", "http2-settings"],
];

const HEADER_MATCH = object(
  {
    name: required(headerName, "Name of the header, without letter case."),
    value: optional(text(), "The exact value; without it the header need only be there."),
    mismatch: optional(
      choice(["LOG", "ADD", "DELETE", "REPLACE"]),
      "What happens when the value differs; without it the rule does not apply.",
    ),
    secret: refused("names a Kubernetes secret, and the sidecar reads none; write the value"),
  },
  ({ name, mismatch, value }, complain) => {
    if (mismatch && mismatch !== "LOG" && !value)
      complain("mismatch", `${mismatch} needs a value: without one it does nothing`);
    if (!mismatch || mismatch === "LOG") return;
    if (name !== undefined && FRAMING.includes(name.toLowerCase()))
      complain("name", `${name} says where the request ends or goes: it cannot be changed`);
    if (value && !/^[!-~]([\t -~]*[!-~])?$/.test(value))
      complain("value", "must be printable ASCII without space around it to be put into a request");
  },
);

const HTTP = object({
  method: optional(pattern, "RE2 pattern of the whole method."),
  path: optional(pattern, "RE2 pattern of the whole path, its query included."),
  host: optional(
    pattern,
    "RE2 pattern of the whole host, without its port. A dot is any character: write \\.",
  ),
  headers: optional(list(header), 'Headers: "Name: value" wants exactly that value, "Name" any.'),
  headerMatches: optional(list(HEADER_MATCH), "Headers with what to do when they differ."),
});

/** An entry of `rules.http`. */
export const httpRule: Shape<HttpRule> = convert(HTTP, (http) => {
  const wanted: HeaderRule[] = [...(http.headers ?? [])];
  const actions: HeaderAction[] = [];
  for (const { name, value, mismatch } of http.headerMatches ?? []) {
    const rule = { name, value: value || undefined };
    if (mismatch) actions.push({ ...rule, mismatch });
    else wanted.push(rule);
  }
  return {
    at: http.at,
    // An empty pattern is any, as in Cilium.
    method: http.method || undefined,
    path: http.path || undefined,
    host: http.host || undefined,
    headers: wanted,
    ...(actions.length > 0 ? { actions } : {}),
  } satisfies Read<Shape<HttpRule>>;
});
