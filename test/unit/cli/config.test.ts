// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { Ajv } from "ajv";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REQUEST_SCHEMA } from "../../../cli/agent/control.js";
import { defaultSocket } from "../../../cli/agent/socket-path.js";
import { CONFIG_SCHEMA } from "../../../cli/config-schema.js";
import { defaultConfig, parseConfig, readConfig } from "../../../cli/config.js";
import { SockmeshError } from "../../../core/errors.js";

const FULL = `policies: policies
socket: /run/x.sock
engine: user-space
level: shortcut
listen:
  - address: 127.0.0.1:8080
    service: "[::1]:8081"
    labels: { app: backend }
addresses:
  - cidr: 10.0.0.0/8
    labels: { app: frontend, tier: web }
creditBytes: 65536
limits: { headBytes: 8192, connections: 100 }
accessLog: true
logLevel: warn
`;

test("a full file, paths taken from where it lies", () => {
  const folder = mkdtempSync(join(tmpdir(), "sockmesh-config-"));
  try {
    writeFileSync(join(folder, "sockmesh.yaml"), FULL);
    const config = readConfig(join(folder, "sockmesh.yaml"), "/unused.sock");
    expect(config.policies).toBe(join(folder, "policies"));
    expect(config.socket).toBe("/run/x.sock");
    expect(config.listen[0]?.labels).toEqual({ app: "backend" });
    expect(config.limits).toMatchObject({ headBytes: 8192, connections: 100, drainMs: 10_000 });
    writeFileSync(join(folder, "empty.yaml"), "# nothing\n");
    expect(readConfig(join(folder, "empty.yaml"), "/a.sock")).toEqual(defaultConfig("/a.sock"));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Each: what is wrong, the text, line, column, field, part of the message. */
const BROKEN: [string, string, number, number, string | undefined, RegExp][] = [
  ["unknown field", "level: off\nengin: auto\n", 2, 8, "engin", /no such field/],
  ["unknown nested field", "limits:\n  headBytes: 9\n  heads: 1\n", 3, 10, "limits.heads", /no such field/],
  ["wrong choice", "engine: fast\n", 1, 9, "engine", /one of: auto, kernel, user-space/],
  ["wrong type", "limits:\n  headBytes: many\n", 2, 14, "limits.headBytes", /must be integer/],
  ["too small", "creditBytes: 1\n", 1, 14, "creditBytes", /must be >= 4096/],
  ["missing field", "listen:\n  - address: 127.0.0.1:80\n", 2, 5, "listen[0]", /required property 'service'/],
  [
    "no port",
    "listen:\n  - address: 127.0.0.1\n    service: 127.0.0.1:1\n    labels: { a: b }\n",
    2,
    14,
    "listen[0].address",
    /like 127.0.0.1:80/,
  ],
  [
    "bad prefix",
    "addresses: [{ cidr: 10/8, labels: { a: b } }]\n",
    1,
    21,
    "addresses[0].cidr",
    /like 10.0.0.0\/8/,
  ],
  [
    "number as label",
    "addresses: [{ cidr: ::1, labels: { a: 1 } }]\n",
    1,
    39,
    "addresses[0].labels.a",
    /string/,
  ],
  ["no labels", "addresses: [{ cidr: ::1, labels: {} }]\n", 1, 34, "addresses[0].labels", /fewer than 1/],
  ["a list", "- level\n", 1, 1, undefined, /must be object/],
  ["no YAML", "level: [off\n", 2, 1, undefined, /./],
  ["a key twice", "level: off\nlevel: splice\n", 2, 1, undefined, /unique/],
  ["two documents", "level: off\n---\nlevel: off\n", 2, 1, undefined, /document/],
  ["an alias", "level: &x off\nengine: *x\n", 2, 9, undefined, /aliases/],
];

test.each(BROKEN)("%s: names line and field", (_what, text, line, column, field, message) => {
  let thrown: unknown;
  try {
    parseConfig(text, "s.yaml");
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(SockmeshError);
  const error = thrown as SockmeshError;
  expect(error.code).toBe("SM_CONFIG_INVALID");
  expect({ ...error.at, field: error.field }).toEqual({ file: "s.yaml", line, column, field });
  expect(error.message).toMatch(message);
  expect(error.describe()).toMatch(`s.yaml:${line}:${column}: `);
});

test("a file that is not there", () => {
  expect(() => readConfig("/no/such/file.yaml", "/a.sock")).toThrow(/ENOENT/);
});

test("the socket is root's in /run, else in the user's own folder", () => {
  expect(defaultSocket(0, "/run/user/0")).toBe("/run/sockmesh/agent.sock");
  expect(defaultSocket(7, "/run/user/7")).toBe("/run/user/7/sockmesh/agent.sock");
  expect(defaultSocket(7, undefined)).toBe("/tmp/sockmesh-7/agent.sock");
});

test.each([
  ["configuration", CONFIG_SCHEMA],
  ["control requests", REQUEST_SCHEMA],
])("the schema of %s is a schema", (_what, schema) => {
  const ajv = new Ajv({ discriminator: true, formats: { address: true, cidr: true } });
  expect(ajv.validateSchema(schema)).toBe(true);
  expect(() => ajv.compile(schema)).not.toThrow();
});
