// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exitCode, explain } from "../../../cli/exit.js";
import { program } from "../../../cli/program.js";
import { parseCases, readFile } from "../../../l7policy/cases/cases.js";
import { worldFile } from "../../../l7policy/cases/world.js";
import { DEFAULT_RULES } from "../../../l7policy/identity/filter.js";
import { CHECKS } from "../../../l7policy/lint/finding.js";

interface Ended {
  readonly code: number;
  readonly out: string;
}

/** Runs the command line in this process. */
async function sockmesh(...args: string[]): Promise<Ended> {
  let out = "";
  const write = jest
    .spyOn(process.stdout, "write")
    .mockImplementation((text: unknown, ...more: unknown[]) => {
      out += String(text);
      for (const done of more) if (typeof done === "function") (done as () => void)();
      return true;
    });
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    await program().parseAsync(args, { from: "user" });
    return { code: Number(process.exitCode), out };
  } catch (thrown) {
    return { code: exitCode(thrown), out: `${out}${explain(thrown)}` };
  } finally {
    process.exitCode = before;
    write.mockRestore();
  }
}

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
/** A folder with these files. */
function folder(files: Record<string, string>): string {
  const made = mkdtempSync(join(tmpdir(), "sockmesh-policy-"));
  folders.push(made);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(made, name), text);
  return made;
}

const SHOP = readFileSync("examples/http/policy.yaml", "utf8");
const PARTIES = ["--from", "app=guest", "--to", "app=shop", "--port", "8080"];
const ASK = ["policy", "explain", "examples/http", ...PARTIES];

describe("explain", () => {
  test("allowed, denied, to be inspected; the exit code says so", async () => {
    expect((await sockmesh(...ASK, "--http", "GET /products")).code).toBe(0);
    expect((await sockmesh(...ASK)).out).toMatch(/^inspect\n/);
    const denied = await sockmesh(...ASK, "--http", "POST /orders");
    expect(denied.code).toBe(1);
    expect(denied.out).toContain(
      "examples/http/policy.yaml:23  default/shop  method: POST does not match GET",
    );
  });

  test("JSON names rules, reasons and what the kernel may do", async () => {
    const { out } = await sockmesh(...ASK, "--http", "GET /products", "--json");
    expect(JSON.parse(out)).toMatchObject({
      verdict: "allow",
      sides: [
        { way: "egress", because: "not-selected", inspected: false },
        {
          way: "ingress",
          because: "allowed-by-rule",
          inspected: true,
          kernel: { eligible: true },
          rules: [
            {
              file: "examples/http/policy.yaml",
              line: 23,
              field: "spec.ingress[0].toPorts[0].rules.http[0]",
            },
          ],
        },
      ],
    });
  });

  test("other families, processes, headers, and who there is", async () => {
    const ask = (name: string, ...more: string[]) =>
      sockmesh("policy", "explain", `examples/policies/${name}`, ...more);
    const kafka = ["--from", "app=empire-hq", "--to", "app=kafka", "--port", "9092"];
    expect((await ask("kafka", ...kafka, "--kafka", "produce other")).out).toContain(
      "topic: other is not empire-announce",
    );
    const backup = ["--from", "app=db", "--to", "app=store", "--port", "80", "--process", "/usr/bin/backup"];
    expect((await ask("process", ...backup, "--uid", "1000")).code).toBe(0);
    expect((await ask("process", ...backup, "--uid", "0")).code).toBe(1);
    const grpc = ["--from", "app=web", "--to", "app=cart", "--port", "50051", "--grpc", "shop.Cart/Add"];
    expect((await ask("grpc", ...grpc, "--header", "x-user: 7")).code).toBe(0);
    expect((await ask("grpc", ...grpc)).code).toBe(1);
    const headers = ["--from", "app=web", "--to", "app=api", "--port", "80", "--http", "GET /marked"];
    const marked = await ask("headers", ...headers);
    expect(marked.out).toContain("header Team: REPLACE a");
    expect(marked.out).toContain("on record as: team-a");
    expect(marked.out).toContain("judged in the kernel where it can: no, a rule changes or logs headers");
    const there = folder({
      "who.yaml": "endpoints: { shop: { labels: { app: mixed }, ports: { metrics: 9100 } } }",
    });
    const named = ["--from", "app=web", "--to", "shop", "--port", "metrics"];
    expect((await ask("ports", ...named, "--endpoints", join(there, "who.yaml"))).code).toBe(0);
    expect((await ask("ports", ...kafka)).code).toBe(0);
    expect((await ask("ports", ...kafka, "--mode", "always")).code).toBe(1);
  });

  test.each([
    [["--from", "nonsense"], "is no endpoint"],
    [["--port", "http"], "names no port http"],
    [["--http", "GET"], "write it as 'GET /path'"],
    [["--http", "GET /", "--dns", "a"], "http and dns cannot both"],
    [["--header", "A: b"], "headers belong to a request"],
    [["--http", "GET /", "--header", "broken"], "write it as 'Name: value'"],
    [["--memcached", "frobnicate x"], "no memcached command"],
    [["--kafka", "prodcue x"], "no Kafka request"],
    [["--cassandra", "selekt x"], "no Cassandra action"],
    [["--endpoints", "/nowhere/at/all.yaml"], "ENOENT"],
  ])("usage: %j", async (more, says) => {
    const { code, out } = await sockmesh(...ASK, ...more);
    expect({ code, out }).toEqual({ code: 2, out: expect.stringContaining(says) });
  });

  test("broken policies are an answer too", async () => {
    const made = folder({ "p.yaml": SHOP.replace("app: shop", "app: 1") });
    const { code, out } = await sockmesh("policy", "explain", made, ...PARTIES);
    expect(code).toBe(1);
    expect(out).toContain("p.yaml:9:12: spec.endpointSelector.matchLabels.app: must be a string");
  });
});

describe("test", () => {
  const TESTS = `apiVersion: sockmesh.io/v1
kind: PolicyTest
endpoints: { shop: { labels: { app: shop } } }
tests:
  - { from: app=guest, to: shop, port: 8080, http: GET /products, expect: allow }
  - { from: app=guest, to: shop, port: 8080, http: POST /orders, expect: allow, name: "a <b> & \\"c\\"" }
  - { from: app=guest, to: nobody, port: 8080, expect: allow }
`;

  test("all examples are as expected", async () => {
    const { code, out } = await sockmesh("policy", "test", "examples/policies");
    expect(out).toMatch(/^21 files, \d+ as expected, 0 not\n$/);
    expect(Number(/, (\d+) as/.exec(out)?.[1])).toBeGreaterThanOrEqual(150);
    expect(code).toBe(0);
  });

  test("labels without a namespace are of default: what others would be for is told", async () => {
    const made = folder({ "shop.yaml": SHOP.replace("  name: shop", "  name: shop\n  namespace: prod") });
    const ask = (to: string) =>
      sockmesh("policy", "explain", made, "--from", "world", "--to", to, "--port", "8080");
    const { code, out } = await ask("app=shop");
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/\nnote: app=shop is in namespace default; policies of prod/),
    ]);
    expect((await ask("app=shop,io.kubernetes.pod.namespace=prod")).out).not.toContain("note:");
    expect((await ask("app=other")).out).not.toContain("note:");
  });

  test("what is not as expected is explained, and counted as JUnit and JSON do", async () => {
    const made = folder({ "shop.yaml": SHOP, "shop.test.yaml": TESTS });
    const xml = join(made, "out.xml");
    const { code, out } = await sockmesh("policy", "test", made, "--junit", xml);
    expect(code).toBe(1);
    expect(out).toContain('shop.test.yaml:6: a <b> & "c": expected allow, is deny');
    expect(out).toContain("method: POST does not match GET");
    expect(out).toContain(
      "shop.test.yaml:7: app=guest to nobody:8080: expected allow, nobody is no endpoint",
    );
    expect(out).toContain("1 files, 1 as expected, 2 not");
    const junit = readFileSync(xml, "utf8");
    expect(junit).toContain('<testsuites name="sockmesh policy test" tests="3" failures="2" errors="0">');
    expect(junit).toContain('name="a &lt;b&gt; &amp; &quot;c&quot;"');
    expect(junit).toContain("method: POST does not match GET");
    const json = JSON.parse((await sockmesh("policy", "test", "--json", made)).out) as unknown;
    expect(json).toMatchObject([
      { results: [{ passed: true }, { passed: false, verdict: "deny" }, { passed: false }] },
    ]);
  });

  test.each([
    ["a request that is none", TESTS.replace("GET /products", "GET"), "tests[0]"],
    [
      "no tests",
      "apiVersion: sockmesh.io/v1\nkind: PolicyTest\ntests: []\n",
      "tests: must name at least one",
    ],
    ["an unknown field", TESTS.replace("expect: allow }", "expekt: allow }"), "did you mean expect?"],
    [
      "an address that is none",
      TESTS.replace("{ app: shop } }", "{ app: shop }, address: x }"),
      "is no address",
    ],
    [
      "a policy that is not there",
      TESTS.replace("endpoints", "policies: [missing.yaml]\nendpoints"),
      "missing.yaml",
    ],
  ])("a file that cannot be asked: %s", async (_what, text, says) => {
    const made = folder({ "shop.yaml": SHOP, "shop.test.yaml": text });
    const { code, out } = await sockmesh("policy", "test", made);
    expect(out).toContain(says);
    expect(code).not.toBe(0);
  });

  test("no expectations are a mistake", async () => {
    expect((await sockmesh("policy", "test", folder({ "shop.yaml": SHOP }))).code).toBe(2);
  });
});

describe("validate, lint and diff", () => {
  test("validate says what the agent would refuse", async () => {
    const { code, out } = await sockmesh("policy", "validate", "examples/policies/kafka");
    expect(code).toBe(1);
    expect(out).toContain("no protocol of the proxy enforces kafka rules yet");
    expect(out).toContain("1 files, 1 policies, 3 errors");
  });

  test("lint: exit code by level, findings by place", async () => {
    expect((await sockmesh("policy", "lint", "examples/http")).code).toBe(0);
    const made = folder({
      "p.yaml": SHOP.replace("path: /orders", "path: ^/orders$").replace("method: POST", "host: shop.local"),
    });
    const { code, out } = await sockmesh("policy", "lint", made);
    expect(code).toBe(1);
    expect(out).toMatch(/p\.yaml:\d+: info: .*http\[0\]: path: \^\/orders\$ matches the whole path/);
    expect(out).toContain("e.g. shopalocal (dot-in-host)");
    expect(out).toContain("0 errors, 1 warnings, 1 notes");
    const { out: json } = await sockmesh("policy", "lint", made, "--level", "warning", "--json");
    expect(JSON.parse(json)).toMatchObject([{ check: "dot-in-host", witness: "shopalocal" }]);
  });

  test("diff: one request of each change", async () => {
    expect(await sockmesh("policy", "diff", "examples/http", "examples/http")).toEqual({
      code: 0,
      out: "nothing changes\n",
    });
    const made = folder({ "p.yaml": SHOP.replace("(/[0-9]+)?", "/.*") });
    const { code, out } = await sockmesh("policy", "diff", "examples/http", made);
    expect(code).toBe(1);
    expect(out).toMatch(/newly allowed +ingress +app=shop +app=frontend app=guest +8080 +GET \/products\/ /);
    expect(out).toMatch(/newly denied +ingress +app=shop +app=frontend app=guest +8080 +GET \/products /);
  });
});

describe("docs/policy.md", () => {
  const PAGE = readFileSync("docs/policy.md", "utf8");
  const examples = [...PAGE.matchAll(/```\n\$ sockmesh (.*)\n([^]*?)```/g)].map(
    ([, command = "", out = ""]) => [command, out] as const,
  );

  test.each(examples)("$ sockmesh %s", async (command, out) => {
    const args = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
    expect((await sockmesh(...args)).out).toBe(out);
  });

  test("there are examples, and every finding of lint is listed", () => {
    expect(examples.length).toBeGreaterThan(3);
    const listed = [...PAGE.matchAll(/^\| `([a-z0-9-]+)` \| (error|warning|info) \| (.*) \|$/gm)];
    expect(listed.map(([, ...row]) => row)).toEqual(
      Object.entries(CHECKS).map(([name, [level, text]]) => [name, level, text]),
    );
  });

  test("every label that is left out of identities is named", () => {
    const [, listed = ""] = /Those left out of an identity, ([^]*?) in them\./.exec(PAGE) ?? [];
    const keys = [...listed.matchAll(/`([^`]+)`/g)].map(([, key]) => key);
    const excluded = DEFAULT_RULES.filter((rule) => rule.startsWith("!"));
    expect(keys.sort()).toEqual(excluded.map((rule) => rule.replaceAll(/^!|\.\*|\\/g, "")).sort());
  });

  test("its files can be read", () => {
    const [endpoints = "", tests = ""] = [...PAGE.matchAll(/```yaml\n([^]*?)```/g)].map(([, text]) => text);
    expect(readFile(worldFile, "endpoints.yaml", endpoints)).toMatchObject({ ok: true });
    expect(parseCases("x.test.yaml", tests)).toMatchObject({ ok: true });
  });
});
