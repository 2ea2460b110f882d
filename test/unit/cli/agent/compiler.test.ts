// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CompilerThread, type CompilerLine, type StartCompiler } from "../../../../cli/agent/compiler.js";
import { Enforcement } from "../../../../cli/agent/enforcement.js";
import { silentLog } from "../../../../core/log.js";
import type { Compiler } from "../../../../l7policy/compile/workshop.js";
import type { HttpRule, L7Rules, MemcachedRule } from "../../../../l7policy/families/model.js";
import { httpFields } from "../../../../l7policy/families/spans.js";
import type { AwaitedSet } from "../../../../l7policy/resolve/awaited.js";
import { AwaitedSets } from "../../../../l7policy/resolve/awaited.js";
import { SetCompiler } from "../../../../l7policy/resolve/sets.js";
import { FieldSpans, MemcachedField } from "../../../../protocols/fields.js";
import { isWaiting, tablesOf } from "../../../../proxy/tables.js";
import type { Terms } from "../../../../proxy/parties.js";
import { besides } from "../../../support/compiler.js";
import { FakeClock } from "../../../support/peers.js";
import { Random } from "../../../support/random.js";

const AT = { file: "t.yaml", line: 3, column: 5 };
const PATHS = [
  "/",
  "/api/.*",
  "/api/[0-9]+",
  ".*[.]js",
  "/(a|b)*/c",
  "/api/items(/.*)?",
  "/x{2,5}",
  "(?i)/Case",
];
const ASKED = [
  "/",
  "/api/7",
  "/api/x",
  "/a/b.js",
  "/ab/c",
  "/aba/c",
  "/api/items/1",
  "/xxx",
  "/cASE",
  "/%61",
  "//",
];

const threads: CompilerThread[] = [];
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sockmesh-compiler-"));
});
afterEach(() => {
  for (const thread of threads.splice(0)) thread.close();
  rmSync(folder, { recursive: true, force: true });
});

function thread(start: StartCompiler = besides, clock = new FakeClock()): CompilerThread {
  const made = new CompilerThread(clock, silentLog, start);
  threads.push(made);
  return made;
}

function httpRules(random: Random): L7Rules {
  const rules = Array.from({ length: random.below(5) }, (): HttpRule => {
    const headers = random.once(3) ? [{ name: "X-Key", value: random.once(2) ? "1" : undefined }] : [];
    return {
      at: AT,
      method: random.once(2) ? undefined : random.of(["GET", "GET|POST", "P.*"]),
      path: random.once(6) ? undefined : random.of(PATHS),
      host: random.once(4) ? random.of(["a[.]test", ".*"]) : undefined,
      headers,
    };
  });
  return { family: "http", field: "rules.http", rules };
}

function memcachedRules(random: Random): L7Rules {
  const rules = Array.from({ length: random.below(4) }, (): MemcachedRule => ({
    at: AT,
    commands: random.once(3) ? undefined : random.of([["get"], ["set", "get"], ["delete"]]),
    keys: random.once(3)
      ? undefined
      : [random.of([{ kind: "prefix", text: "a:" } as const, { kind: "pattern", text: "k[0-9]+" } as const])],
    hides: random.once(3),
  }));
  return { family: "memcached", field: "rules.memcached", rules };
}

function memcachedFields(command: string, keys: readonly string[]): FieldSpans {
  const fields = new FieldSpans();
  fields.reset(Buffer.from([command, ...keys].join("")));
  let at = 0;
  [command, ...keys].forEach((text, i) => {
    fields.add(i === 0 ? MemcachedField.command : MemcachedField.key, at, at + text.length);
    at += text.length;
  });
  return fields;
}

/** Everything that is asked of a set, as a text. */
function verdicts(set: AwaitedSet | ReturnType<SetCompiler["compile"]>): string {
  if (set.kind !== "l7") return set.kind;
  const said: unknown[] = [];
  if (set.protocol === "memcached")
    for (const command of ["get", "set", "delete", "incr"])
      for (const keys of [[], ["a:1"], ["k12"], ["a:1", "b"]]) {
        const fields = memcachedFields(command, keys);
        said.push(set.judge(fields), set.hidden?.(fields));
      }
  else
    for (const path of ASKED)
      for (const method of ["GET", "PUT", "CONNECT"])
        for (const key of [undefined, "1", "2"]) {
          const headers: [string, string][] = [["Host", "a.test"]];
          if (key !== undefined) headers.push(["X-Key", key]);
          const fields = httpFields({ family: "http", method, path, host: "a.test", headers });
          said.push(set.match?.(fields), set.judge(fields), set.judgeUpgrade(fields));
        }
  return JSON.stringify(said);
}

describe("rule sets that another thread compiles", () => {
  test("judge the same before they are compiled, after, and when the thread has died in between", async () => {
    const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
    const random = new Random(seed);
    const lines: { line: CompilerLine; gone: (cause: Error) => void }[] = [];
    const compiler = thread((generation, gone) => {
      const line = besides(generation, gone);
      lines.push({ line, gone });
      return line;
    });
    let failures = 0;
    const awaited = new AwaitedSets(
      compiler,
      () => {},
      () => failures++,
    );
    const elsewhere = new SetCompiler(awaited);
    const here = new SetCompiler(undefined);
    const all: { l7: readonly L7Rules[]; wanted: string }[] = [];
    for (let round = 0; round < 60; round++) {
      const make = random.once(3) ? memcachedRules : httpRules;
      const l7 = Array.from({ length: 1 + random.below(3) }, () => make(random));
      const wanted = verdicts(here.compile(l7));
      const set = elsewhere.compile(l7) as AwaitedSet;
      if (random.once(2)) expect([seed, verdicts(set)]).toEqual([seed, wanted]);
      await awaited.finish([set]);
      expect(set.ready).toBe(true);
      expect([seed, verdicts(set)]).toEqual([seed, wanted]);
      all.push({ l7, wanted });
      if (random.once(8)) {
        const { line, gone } = lines[lines.length - 1] as (typeof lines)[number];
        gone(new Error("killed by the test"));
        line.end();
      }
      const { l7: old, wanted: before } = random.of(all);
      expect([seed, verdicts(elsewhere.compile(old))]).toEqual([seed, before]);
    }
    expect(lines.length).toBeGreaterThan(1);
    expect(failures).toBe(0);
  });

  test("equal rules are one set, however they are split among policies", async () => {
    const awaited = new AwaitedSets(
      thread(),
      () => {},
      () => {},
    );
    const rule = (path: string): HttpRule => ({ at: AT, method: "GET", path, host: undefined, headers: [] });
    const of = (...paths: string[]): L7Rules => ({
      family: "http",
      field: "rules.http",
      rules: paths.map(rule),
    });
    const one = awaited.of("http", [of("/a", "/b")]);
    const same = awaited.of("http", [of("/a", "/b"), of("/a", "/b")]);
    const split = awaited.of("http", [of("/b"), of("/a")]);
    expect(same).toBe(one);
    await awaited.finish([one, split]);
    expect(split.id).toBe(one.id);
    expect(split.rules?.map(({ path }) => path)).toEqual(["/a", "/b"]);
  });

  test("a connection is the sidecar's to judge until the table of both its sets has come", async () => {
    let ready = 0;
    const awaited = new AwaitedSets(
      thread(),
      () => ready++,
      () => {},
    );
    const random = new Random(7);
    const sets = [awaited.of("http", [httpRules(random)]), awaited.of("http", [httpRules(random)])];
    const single: Terms = { kind: "l7", protocol: "http", sets: sets.slice(0, 1) };
    const pair: Terms = { kind: "l7", protocol: "http", sets };
    for (const terms of [single, pair]) {
      expect(tablesOf(terms, "http").requests?.kernel).toBe(false);
      expect(isWaiting(terms)).toBe(true);
      const before = ready;
      while (ready === before) await new Promise((resolve) => setImmediate(resolve));
      expect(tablesOf(terms, "http").requests?.kernel).toBe(true);
      expect(isWaiting(terms)).toBe(false);
    }
    // Equal terms of another connection share it.
    expect(tablesOf({ ...pair, sets: [...sets] }, "http").requests).toBe(tablesOf(pair, "http").requests);
  });

  test("rules that cannot be compiled are named, and asked for no more", async () => {
    let asked = 0;
    const compiler = thread();
    const counting: Compiler = {
      make: (sources) => (asked++, compiler.make(sources)),
      join: (first, second) => compiler.join(first, second),
    };
    const awaited = new AwaitedSets(
      counting,
      () => {},
      () => {},
    );
    const path = "(a{1,1000}b{1,900}|c)".repeat(3);
    const rules = Array.from({ length: 400 }, (_, i) => `/${i}${path}`).map((text): HttpRule => ({
      at: AT,
      method: undefined,
      path: text,
      host: undefined,
      headers: [],
    }));
    const large = awaited.of("http", [{ family: "http", field: "rules.http", rules }]);
    const small = awaited.of("http", [httpRules(new Random(3))]);
    await expect(
      awaited.finish([large, small], () => ({ what: "egress: ", at: AT, field: "spec.egress[0]" })),
    ).rejects.toMatchObject({
      code: "SM_POLICY_REGEX",
      message: expect.stringMatching(
        /^egress: the patterns of one rule set are too large together/,
      ) as unknown,
      at: AT,
      field: "spec.egress[0]",
    });
    expect([large.ready, small.ready]).toEqual([false, true]);
    expect(large.table).toBe(undefined);
    expect(asked).toBe(1);
  });
});

const policy = (name: string, path: string, more = ""): string => `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: ${name} }
spec:
  endpointSelector: { matchLabels: { app: shop } }
  ingress:
    - toPorts:
        - ports: [{ port: "80", protocol: TCP }]
          rules: { http: [{ path: "${path}" }] }
${more}`;

describe("policies that another thread reads", () => {
  const file = (name: string): string => join(folder, name);

  test("what did not change is the same object; errors come with their place; what is gone is forgotten", async () => {
    const compiler = thread();
    writeFileSync(file("a.yaml"), policy("a", "/a"));
    writeFileSync(file("b.yaml"), policy("b", "/b"));
    const first = await compiler.read(folder);
    expect(first.policies.map(({ name }) => name)).toEqual(["a", "b"]);
    writeFileSync(file("b.yaml"), policy("c", "/c"));
    const second = await compiler.read(folder);
    expect(second.policies.map(({ name }) => name)).toEqual(["a", "c"]);
    expect(second.policies[0]).toBe(first.policies[0]);
    writeFileSync(file("b.yaml"), policy("b", "/b", "    - fromPlanets: []\n"));
    const [error] = (await compiler.read(folder)).errors;
    expect(error?.describe()).toMatch(/b\.yaml:10:\d+: spec\.ingress\[1\]\.fromPlanets: /);
    rmSync(file("b.yaml"));
    expect((await compiler.read(folder)).policies).toEqual(second.policies.slice(0, 1));
    await expect(compiler.read(join(folder, "none"))).rejects.toMatchObject({ code: "SM_CONFIG_INVALID" });
  });

  test("a thread that has nothing to do ends; another one goes on", async () => {
    const clock = new FakeClock();
    let [starts, ends] = [0, 0];
    const compiler = thread((generation, gone) => {
      const { port, end } = besides(generation, gone);
      starts++;
      return { port, end: () => (ends++, end()) };
    }, clock);
    writeFileSync(file("a.yaml"), policy("a", "/a"));
    await compiler.read(folder);
    clock.advance(60_000);
    expect([starts, ends]).toEqual([1, 1]);
    expect((await compiler.read(folder)).policies.map(({ name }) => name)).toEqual(["a"]);
    expect([starts, ends]).toEqual([2, 1]);
  });

  test("the last good revision judges while the next one is compiled, and when that cannot be", async () => {
    const clock = new FakeClock();
    const compiler = thread();
    let held: (() => void) | undefined;
    let hold = false;
    const slow: Compiler = {
      async make(sources) {
        if (hold) await new Promise<void>((resolve) => (held = resolve));
        return compiler.make(sources);
      },
      join: (first, second) => compiler.join(first, second),
    };
    const parts = {
      options: { mode: "default", audit: false } as const,
      compiler: slow,
      clock,
      log: silentLog,
    };
    const read = () => compiler.read(folder);
    writeFileSync(file("a.yaml"), policy("a", "/one"));
    const enforcement = await Enforcement.start(parts, read, 0);
    const shop = enforcement.store.identities.identityOf({ app: "shop" });
    await enforcement.prepareIdentity(shop);
    const asks = (path: string): boolean => {
      const set = enforcement.policy.ingress(shop, 80, 2);
      const request = { family: "http", method: "GET", path, host: "a", headers: [] } as const;
      return set.kind === "l7" && set.judge(httpFields(request));
    };
    expect([asks("/one"), asks("/two")]).toEqual([true, false]);

    writeFileSync(file("a.yaml"), policy("a", "/two"));
    hold = true;
    const swapped: number[] = [];
    const change = enforcement.change(
      read,
      () => [shop],
      0,
      ({ revision }) => swapped.push(revision),
    );
    while (!held) await new Promise((resolve) => setImmediate(resolve));
    expect([enforcement.policy.revision, asks("/one"), asks("/two")]).toEqual([1, true, false]);
    hold = false;
    held();
    expect(await change).toEqual([]);
    expect([swapped, asks("/one"), asks("/two")]).toEqual([[2], false, true]);
    // It was compiled before it came into force.
    expect(enforcement.policy.ingress(shop, 80, 2)).toMatchObject({ ready: true });

    const large = Array.from(
      { length: 400 },
      (_, i) => `{ path: "/${i}${"(a{1,1000}b{1,900}|c)".repeat(3)}" }`,
    );
    writeFileSync(file("a.yaml"), policy("a", "/x").replace('{ path: "/x" }', large.join(", ")));
    const errors = await enforcement.change(
      read,
      () => [shop],
      0,
      () => swapped.push(0),
    );
    expect(errors.map(({ code }) => code)).toEqual(["SM_POLICY_REGEX"]);
    expect(enforcement.problems.join()).toMatch(
      /a\.yaml:7:\d+: spec\.ingress\[0\]: ingress of identity \d+, port \d+, .*: the patterns/,
    );
    expect([enforcement.policy.revision, swapped, asks("/two")]).toEqual([2, [2], true]);
  });
});
