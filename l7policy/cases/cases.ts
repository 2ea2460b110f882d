// SPDX-License-Identifier: Apache-2.0
import { isScalar, LineCounter, parseDocument } from "yaml";
import { SockmeshError, type SourcePosition } from "../../core/errors.js";
import { hazard } from "../parse/guard.js";
import { transportShape } from "../parse/ports.js";
import { Reader } from "../reader.js";
import type { PolicyOptions } from "../resolve/store.js";
import { object, optional, required, type ObjectOf } from "../shape/object.js";
import { choice, convert, flag, integer, list, text, type JsonSchema, type Shape } from "../shape/shape.js";
import { parseRequest, REQUEST_WORDS } from "./request.js";
import { WORLD, type World } from "./world.js";

const process = object({
  executable: optional(text({ least: 1 }), "Path of the program."),
  uid: optional(integer(0, 0xffff_fffe), "User that it runs as."),
  cgroup: optional(text({ least: 1 }), "Its cgroup."),
});
const portShape: Shape<number | string> = {
  schema: { anyOf: [{ type: "integer", minimum: 0, maximum: 65535 }, { type: "string" }] },
  read(reader, node, path) {
    if (isScalar(node) && typeof node.value === "string" && /[A-Za-z]/.test(node.value)) return node.value;
    return integer(0, 65535).read(reader, node, path);
  },
};
const words = Object.fromEntries(
  REQUEST_WORDS.map((name) => [
    name,
    optional(text(), `A request, as \`policy explain --${name}\` takes it.`),
  ]),
) as Record<(typeof REQUEST_WORDS)[number], ReturnType<typeof optional<string>>>;

const CASE = {
  name: optional(text({ least: 1 }), "What is expected, for people."),
  from: required(text({ least: 1 }), "An endpoint's name, a reserved name, an address, or labels."),
  to: required(text({ least: 1 }), "As from."),
  port: required(portShape, "Number, or the name that the endpoint `to` gives it."),
  protocol: optional(transportShape, "TCP when left out."),
  process: optional(process, "The process that connects."),
  ...words,
  headers: optional(list(text({ least: 1 })), '"Name: value" of http and grpc requests.'),
  expect: required(
    choice(["allow", "deny", "inspect"]),
    "inspect: the connection passes and its requests are judged.",
  ),
};

/** One expectation. */
export type Case = ObjectOf<typeof CASE>;

const caseShape: Shape<Case> = convert(object(CASE), (value, spot) => {
  try {
    const request = parseRequest(value);
    if (value.expect === "inspect" && request)
      return spot.fail("inspect is said of a connection: leave the request out");
    return value;
  } catch (error) {
    if (error instanceof SockmeshError) return spot.fail(error.message);
    throw error;
  }
});

const FILE = {
  apiVersion: required(choice(["sockmesh.io/v1"]), "sockmesh.io/v1"),
  kind: required(choice(["PolicyTest"]), "PolicyTest"),
  policies: optional(
    list(text({ least: 1 })),
    "Policy files or directories, from this file's own directory; that directory when left out.",
  ),
  mode: optional(choice(["default", "always", "never"]), "Enforcement mode."),
  allowLocalhost: optional(flag, "The host reaches its workloads whatever policies say."),
  ...WORLD,
  tests: required(list(caseShape, { least: 1 }), "What is expected."),
};
const file = object(FILE, undefined, "Expectations on policies, for `sockmesh policy test`.");

/** A file of expectations. */
export interface CaseFile {
  readonly at: SourcePosition;
  readonly policies: readonly string[] | undefined;
  readonly options: Partial<PolicyOptions>;
  readonly world: World;
  readonly tests: readonly Case[];
}

/** JSON Schema of files of expectations. */
export function caseSchema(): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Tests of policies",
    ...file.schema,
  };
}

/** Reads one document by a shape: what it says, or all its errors. */
export function readFile<T>(
  shape: Shape<T>,
  name: string,
  content: string,
):
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly errors: readonly SockmeshError[] } {
  const lines = new LineCounter();
  const reader = new Reader(name, lines);
  const problem = hazard(content);
  if (problem) reader.fail("SM_POLICY_SYNTAX", undefined, "", problem.message);
  else {
    const document = parseDocument(content, { lineCounter: lines, uniqueKeys: false, strict: true });
    for (const { pos, message } of document.errors) {
      const { line, col } = lines.linePos(pos[0]);
      const at = { file: name, line, column: col };
      reader.errors.push(new SockmeshError("SM_POLICY_SYNTAX", message.split("\n")[0] ?? "", { at }));
    }
    if (document.errors.length === 0) {
      const value = shape.read(reader, document.contents, "");
      if (value !== undefined && reader.errors.length === 0) return { ok: true, value };
    }
  }
  return { ok: false, errors: reader.errors };
}

/** Reads a file of expectations. */
export function parseCases(
  name: string,
  content: string,
):
  | { readonly ok: true; readonly value: CaseFile }
  | { readonly ok: false; readonly errors: readonly SockmeshError[] } {
  const read = readFile(file, name, content);
  if (!read.ok) return read;
  const { at, policies, tests, mode, allowLocalhost, endpoints, addresses, services, names } = read.value;
  const options = {
    ...(mode ? { mode } : {}),
    ...(allowLocalhost === undefined ? {} : { allowLocalhost }),
  };
  return {
    ok: true,
    value: { at, policies, tests, options, world: { endpoints, addresses, services, names } },
  };
}
