// SPDX-License-Identifier: Apache-2.0
import { difference, type Difference } from "../automaton/compare.js";
import type { HeaderRule, HttpRule } from "../families/model.js";
import type { L7Request } from "../families/requests.js";
import { parseRegex } from "../regex/parse.js";
import { Assertion, codePoint, concat, MAX_CODE_POINT, type Regex } from "../regex/syntax.js";

type HttpRequest = Extract<L7Request, { family: "http" }>;

/** What a comparison of HTTP rules came to. `unknown`: it would take too many states. */
export type Outcome =
  | { readonly kind: "none" }
  | { readonly kind: "witness"; readonly request: HttpRequest }
  | { readonly kind: "unknown" };

/** Between the fields of a request written as one text: in none of them. */
const LINE = codePoint(10);
const NOT_LINE: Regex = {
  kind: "repeat",
  part: { kind: "class", ranges: [0, 9, 11, MAX_CODE_POINT] },
  min: 0,
  max: -1,
};

/** Requests as people write them; and all that the codec lets through. */
const USUAL = parseRegex(
  "(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)\\n/([a-z0-9._/-]*)(\\?[a-z0-9=&]*)?\\n([a-z0-9]+([.-][a-z0-9]+)*)?",
);
const POSSIBLE = parseRegex(
  "([!#$%&'*+.^_`|~0-9A-Za-z-]+\\n/[!-~]*|OPTIONS\\n\\*)\\n[A-Za-z0-9._~:\\[\\]-]*",
);

const languages = new WeakMap<HttpRule, Regex>();

/** Method, path and host of the requests that a rule means, a line each. */
function language(rule: HttpRule): Regex {
  let made = languages.get(rule);
  if (!made) {
    made = concat([field(rule.method), LINE, field(rule.path), LINE, field(rule.host)]);
    languages.set(rule, made);
  }
  return made;
}

function field(pattern: string | undefined): Regex {
  return pattern === undefined ? NOT_LINE : byLine(parseRegex(pattern));
}

/** A field is a line here: where it begins and ends is where the line does. */
function byLine(regex: Regex): Regex {
  switch (regex.kind) {
    case "empty":
    case "class":
      return regex;
    case "concat":
    case "alternate":
      return { kind: regex.kind, parts: regex.parts.map(byLine) };
    case "repeat":
      return { ...regex, part: byLine(regex.part) };
    case "assert": {
      const { assertion } = regex;
      if (assertion === Assertion.beginText) return { kind: "assert", assertion: Assertion.beginLine };
      if (assertion === Assertion.endText) return { kind: "assert", assertion: Assertion.endLine };
      return regex;
    }
  }
}

/** True when every request with the headers that `given` wants fulfils those that `wanted` wants. */
export function headersImplied(wanted: readonly HeaderRule[], given: readonly HeaderRule[]): boolean {
  return wanted.every(({ name, value }) =>
    given.some(
      (one) => one.name.toLowerCase() === name.toLowerCase() && (value === undefined || one.value === value),
    ),
  );
}

/** A shortest request that `rule` allows and none of the others does, one that looks usual where there is one. */
export function beyond(rule: HttpRule, others: readonly HttpRule[]): Outcome {
  // With no more headers than the rule wants, what wants more does not fit.
  const covering = others.filter((other) => headersImplied(other.headers, rule.headers)).map(language);
  const own = [language(rule)];
  let found: Difference = difference(own, covering, USUAL, true);
  if (found.kind === "none") found = difference(own, covering, POSSIBLE, true);
  if (found.kind !== "witness") return found;
  const [method = "", path = "", host = ""] = found.text.split("\n");
  const used = new Set(others.flatMap(({ headers }) => headers.map(({ value }) => value)));
  let any = "x";
  while (used.has(any)) any += "x";
  const headers = rule.headers.map(({ name, value }): [string, string] => [name, value ?? any]);
  return { kind: "witness", request: { family: "http", method, path, host, headers } };
}

/** A rule that every request fulfils. */
export function everything(at: HttpRule["at"]): HttpRule {
  return { at, method: undefined, path: undefined, host: undefined, headers: [] };
}

/** A request as people write it: `GET /x {Host: h; X-A: 1}`. */
export function requestText(request: L7Request): string {
  switch (request.family) {
    case "http": {
      const host: [string, string][] = request.host === "" ? [] : [["Host", request.host]];
      const headers = [...host, ...request.headers].map(([name, value]) => `${name}: ${value}`);
      const more = headers.length > 0 ? ` {${headers.join("; ")}}` : "";
      return `${request.method} ${request.path}${more}`;
    }
    case "memcached":
      return [...request.commands, ...request.keys].join(" ");
    case "kafka":
      return `${request.apiKey} ${request.topics.join(" ")}`.trim();
    case "cassandra":
      return `${request.action ?? "no query"} ${request.table}`.trim();
    case "dns":
      return request.name;
    case "tls":
      return request.serverName;
  }
}
