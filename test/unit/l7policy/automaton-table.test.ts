// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { RE2JS } from "re2js";
import { compileTable, type CompiledTable } from "../../../l7policy/compile/compile.js";
import { runHead } from "../../../l7policy/compile/run.js";
import type { HttpRule } from "../../../l7policy/model.js";
import { RuleSetCache } from "../../../l7policy/ruleset.js";
import { HttpField, type FieldSpans } from "../../../protocols/fields.js";
import { decode, rawHead } from "../../support/heads.js";

const AT = { file: "t", line: 1, column: 1 };

/** A rule of which only some fields are given. */
function rule(fields: Partial<Omit<HttpRule, "at">>): HttpRule {
  return { at: AT, method: undefined, path: undefined, host: undefined, headers: [], ...fields };
}

const optional = (...values: string[]): fc.Arbitrary<string | undefined> =>
  fc.option(fc.constantFrom(...values), { nil: undefined });
const anyRule: fc.Arbitrary<HttpRule> = fc.record({
  at: fc.constant(AT),
  method: optional("GET", "HEAD", "GET|POST", "P.*", ".*", "CONNECT", "[A-Z]{3}"),
  path: optional(
    "/",
    "/.*",
    "/api/.*",
    "/api/items/[0-9]+",
    "/api/items/.*",
    ".*[.]js",
    "/q[?]x=.*",
    "/api/%69.*",
    ".*;.*",
    "[*]",
  ),
  host: optional("a.test", "[ab][.]test", ".*[.]internal", ".*", "b.*", "\\[::1\\]"),
  headers: fc.oneof(
    fc.constant([]),
    fc.array(
      fc.constantFrom(
        { name: "X-Token", value: "secret" },
        { name: "x-token", value: undefined },
        { name: "X-Token", value: "secret " },
        { name: "X-Debug", value: "" },
        { name: "User-Agent", value: "curl/8.5.0" },
        { name: "connection", value: "keep-alive" },
        { name: "Content-Length", value: undefined },
        { name: "TE", value: undefined },
        { name: "upgrade", value: "websocket" },
      ),
      { maxLength: 2 },
    ),
  ),
});
const ruleSet = fc.array(anyRule, { minLength: 1, maxLength: 6 });

const known = new Map<string, RE2JS>();
function re2(pattern: string): RE2JS {
  const made = known.get(pattern) ?? RE2JS.compile(pattern);
  known.set(pattern, made);
  return made;
}

/** The meaning of the rules, spelled out: position of the first that fits, -1 none. */
function meaning(rules: readonly HttpRule[], fields: FieldSpans): number {
  const text = (kind: number): string => {
    const at = fields.find(kind);
    return at < 0 ? "" : fields.text(at);
  };
  const full = (pattern: string | undefined, kind: number): boolean =>
    pattern === undefined || (fields.find(kind) >= 0 && re2(pattern).matches(text(kind)));
  return rules.findIndex(
    ({ method, path, host, headers }) =>
      full(method, HttpField.method) &&
      full(path, HttpField.path) &&
      full(host, HttpField.host) &&
      headers.every(({ name, value }) => {
        for (let i = 0; i < fields.count; i++)
          if (
            fields.kind[i] === HttpField.headerName &&
            fields.text(i).toLowerCase() === name.toLowerCase() &&
            (value === undefined || fields.text(i + 1) === value)
          )
            return true;
        return false;
      }),
  );
}

describe("the judge table", () => {
  test("allows a raw head only where the strict codec and the rules do, with the same framing and rule", () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const seen = { allow: 0, end: 0, refuse: 0, unsure: 0, short: 0 };
    fc.assert(
      fc.property(ruleSet, fc.array(rawHead, { minLength: 200, maxLength: 200 }), (given, heads) => {
        const set = new RuleSetCache().http(given);
        const { rules, table } = set;
        for (const raw of heads) {
          const run = runHead(table.bytes, raw, 0, raw.length);
          seen[run.verdict]++;
          const decoded = decode(raw, ({ fields, bodyLength, expectation, bytes }) => {
            const wanted = meaning(rules, fields);
            if (set.match(fields) !== wanted)
              throw new Error(`${raw.toString("latin1")}: judged ${set.match(fields)}, not ${wanted}`);
            if (run.verdict === "allow")
              expect([run.rule, run.length, run.expect, run.end]).toEqual([
                wanted,
                bodyLength,
                expectation,
                bytes.length,
              ]);
            if (run.verdict === "refuse") expect(wanted).toBe(-1);
          });
          if ((run.verdict === "allow" || run.verdict === "end") && decoded !== "request")
            throw new Error(
              `${JSON.stringify(raw.toString("latin1"))}: ${run.verdict}, but the codec: ${decoded}`,
            );
        }
      }),
      { seed, numRuns: process.env.SOAK ? 20_000 : 80, endOnFailure: true },
    );
    console.info(`judge table: ${JSON.stringify(seen)}, seed ${seed}`);
    for (const count of [seen.allow, seen.end, seen.refuse, seen.unsure]) expect(count).toBeGreaterThan(20);
  }, 3_600_000);

  test("of two rule sets allows what both allow, and counts the first's rule", () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    let allowed = 0;
    fc.assert(
      fc.property(
        ruleSet,
        fc.oneof(ruleSet, fc.constant([rule({})])),
        fc.array(rawHead, { minLength: 200, maxLength: 200 }),
        (one, other, heads) => {
          const cache = new RuleSetCache();
          const [first, second] = [cache.http(one), cache.http(other)];
          const both = compileTable([first.rules, second.rules]);
          for (const raw of heads) {
            const run = runHead(both.bytes, raw, 0, raw.length);
            const [a, b] = [first, second].map(({ table }) => runHead(table.bytes, raw, 0, raw.length));
            expect(run.verdict === "allow").toBe(a?.verdict === "allow" && b?.verdict === "allow");
            if (run.verdict !== "allow") continue;
            allowed++;
            expect([run.rule, run.length, run.expect, run.end]).toEqual([
              a?.rule,
              a?.length,
              a?.expect,
              a?.end,
            ]);
          }
        },
      ),
      { seed, numRuns: process.env.SOAK ? 10_000 : 40, endOnFailure: true },
    );
    console.info(`conjunction: ${allowed} allowed, seed ${seed}`);
    expect(allowed).toBeGreaterThan(20);
  }, 3_600_000);

  const get = (path: string, headers = "Host: a.test\r\n"): Buffer =>
    Buffer.from(`GET ${path} HTTP/1.1\r\n${headers}\r\n`, "latin1");
  const verdict = (table: CompiledTable, head: Buffer): string =>
    runHead(table.bytes, head, 0, head.length).verdict;
  const everything = compileTable([[rule({})]]);

  test.each([
    ["plain", get("/"), "allow"],
    ["query with escapes", get("/a?b=%20&c=d/../e"), "allow"],
    ["host with port", get("/", "Host: a.test:65535\r\n"), "allow"],
    ["keep-alive", get("/", "host: a\r\nConnection: Keep-Alive\r\n"), "allow"],
    ["empty value", get("/", "host: a\r\nX: \r\n"), "allow"],
    ["fifteen digits", get("/", "host: a\r\nContent-Length: 999999999999999\r\n"), "allow"],
    ["sixteen digits", get("/", "host: a\r\nContent-Length: 1000000000000000\r\n"), "unsure"],
    ["ninety lines", get("/", `Host: a\r\n${"X: y\r\n".repeat(90)}`), "allow"],
    ["a hundred lines", get("/", `Host: a\r\n${"X: y\r\n".repeat(100)}`), "unsure"],
    ["long values", get("/", `Host: a\r\n${`X: ${"y".repeat(900)}\r\n`.repeat(4)}`), "allow"],
    ["a head of over 4 KiB", get("/", `Host: a\r\n${`X: ${"y".repeat(900)}\r\n`.repeat(5)}`), "unsure"],
    ["no host", get("/", "X: y\r\n"), "unsure"],
    ["two hosts", get("/", "Host: a\r\nHost: a\r\n"), "unsure"],
    ["two lengths", get("/", "Host: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n"), "unsure"],
    ["no space", get("/", "Host: a\r\nX:y\r\n"), "unsure"],
    ["tab in a value", get("/", "Host: a\r\nX: y\tz\r\n"), "unsure"],
    ["8-bit value", get("/", "Host: a\r\nX: \xe9\r\n"), "unsure"],
    ["escape in the path", get("/%61"), "unsure"],
    ["cut escape in the query", get("/?%4"), "unsure"],
    ["double slash", get("/a//b"), "unsure"],
    ["hidden file", get("/a/.b"), "unsure"],
    ["parameters", get("/a;b"), "unsure"],
    ["fragment", get("/a?b#c"), "unsure"],
    ["close", get("/", "Host: a\r\nConnection: close\r\n"), "unsure"],
    ["chunked", get("/", "Host: a\r\nTransfer-Encoding: chunked\r\n"), "unsure"],
    ["chunked, odd case", get("/", "Host: a\r\ntRANSFER-eNCODING: chunked\r\n"), "unsure"],
    ["underscore is another name", get("/", "Host: a\r\nTransfer_Encoding: chunked\r\n"), "allow"],
    ["HTTP/1.0", Buffer.from("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), "unsure"],
    ["lower-case method", Buffer.from("get / HTTP/1.1\r\nHost: a\r\n\r\n"), "unsure"],
    ["a method of its own", Buffer.from("MKCALENDAR / HTTP/1.1\r\nHost: a\r\n\r\n"), "allow"],
    ["upgrade to TLS", get("/", "Host: a\r\nUpgrade-Insecure-Requests: 1\r\n"), "allow"],
    ["upgrade", get("/", "Host: a\r\nUpgrade: h2c\r\n"), "unsure"],
    ["expectation", get("/", "Host: a\r\nExpect: 100-continue\r\n"), "unsure"],
    ["options of the hop", get("/", "Host: a\r\nProxy-Connection: close\r\n"), "unsure"],
    ["TE", get("/", "Host: a\r\nTE: trailers\r\n"), "unsure"],
    ["bare LF", Buffer.from("GET / HTTP/1.1\nHost: a\n\n"), "unsure"],
    ["cut short", Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r"), "short"],
  ])("with a rule that allows everything: %s", (_, head, wanted) => {
    expect(verdict(everything, head)).toBe(wanted);
  });

  test.each([
    ["as it is", "secret", "allow"],
    ["another", "secrets", "end"],
    ["with a space inside", "se cret", "end"],
    ["with a space behind", "secret ", "unsure"],
    ["another with spaces behind", "x  ", "unsure"],
    ["with a second space in front", " secret", "unsure"],
    ["a space alone", " ", "unsure"],
    ["none", "", "end"],
  ])("of a value that a rule asks for: %s", (_, value, wanted) => {
    const table = compileTable([[rule({ headers: [{ name: "X-Token", value: "secret" }] })]]);
    expect(verdict(table, get("/", `Host: a\r\nX-Token: ${value}\r\n`))).toBe(wanted);
  });

  test("says why the kernel cannot judge a rule set", () => {
    const conditions = Array.from({ length: 61 }, (_, i) =>
      rule({ headers: [{ name: `x-${i}`, value: undefined }] }),
    );
    const differing = Array.from({ length: 17 }, (_, i) =>
      rule({ headers: [{ name: `x-${i}`, value: undefined }] }),
    );
    const reason = (rules: readonly HttpRule[]): unknown => compileTable([rules]).kernel;
    expect(reason([rule({ path: "/a" })])).toEqual({ eligible: true });
    expect(reason(conditions)).toEqual({ eligible: false, reason: "too-many-conditions" });
    expect(reason(differing)).toEqual({ eligible: false, reason: "too-many-requirements" });
    expect(reason([rule({ headers: [{ name: "Host", value: "a" }] })])).toEqual({
      eligible: false,
      reason: "host-header",
    });
    expect(reason([rule({ path: "/.*a.{18}" })])).toEqual({ eligible: false, reason: "too-many-states" });
  });

  test("of more conditions than a table has bits is judged all the same", () => {
    const rules = Array.from({ length: 100 }, (_, i) =>
      rule({ path: `/${i}`, headers: [{ name: `x-${i}`, value: "1" }] }),
    );
    const set = new RuleSetCache().http(rules);
    decode(get("/70", "Host: a\r\nX-70: 1\r\n"), ({ fields }) => {
      expect(set.rules?.[set.match(fields)]?.path).toBe("/70");
    });
    decode(get("/70", "Host: a\r\nX-71: 1\r\n"), ({ fields }) => expect(set.judge(fields)).toBe(false));
  });
});
