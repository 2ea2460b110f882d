// SPDX-License-Identifier: Apache-2.0
import { Ajv, type ErrorObject } from "ajv";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { isNode, LineCounter, parseDocument, visit, type Document } from "yaml";
import { SockmeshError, type SourcePosition } from "../core/errors.js";
import { DEFAULT_LIMITS, type Limits } from "../core/limits.js";
import type { Level } from "../sockmap/engine.js";
import { parsePrefix } from "../core/address.js";
import { parseHostPort } from "./address.js";
import { CONFIG_SCHEMA, type AddressTerms, type ConfigFile, type ListenTerms } from "./config-schema.js";

/** What `sockmesh run` runs with: the file's settings over the defaults, paths absolute. */
export interface Config {
  readonly policies: string | undefined;
  readonly socket: string;
  readonly engine: "auto" | "kernel" | "user-space";
  readonly level: Level;
  readonly listen: readonly ListenTerms[];
  readonly addresses: readonly AddressTerms[];
  /** Undefined: the engine's own default. */
  readonly creditBytes: number | undefined;
  readonly kernelConnections: number | undefined;
  readonly limits: Limits;
  readonly enforcement: "default" | "always" | "never";
  readonly audit: boolean;
  readonly openStreams: "close" | "keep";
  readonly identityGraceMs: number;
  readonly accessLog: boolean;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

/** The configuration when there is no file. */
export function defaultConfig(socket: string): Config {
  return {
    policies: undefined,
    socket,
    engine: "auto",
    // Not more unless it is asked for: in every kernel so far some readers do not see all that comes (docs/compatibility.md).
    level: "off",
    listen: [],
    addresses: [],
    creditBytes: undefined,
    kernelConnections: undefined,
    limits: DEFAULT_LIMITS,
    enforcement: "default",
    audit: false,
    openStreams: "close",
    identityGraceMs: 5_000,
    accessLog: false,
    logLevel: "info",
  };
}

/** Reads and checks a configuration file. Throws SM_CONFIG_INVALID with file, line and field. */
export function readConfig(path: string, socket: string): Config {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new SockmeshError("SM_CONFIG_INVALID", `cannot be read: ${(cause as Error).message}`, {
      cause,
      at: { file: path, line: 1, column: 1 },
    });
  }
  const file = parseConfig(text, path);
  const beside = (name: string): string => resolve(dirname(path), name);
  return {
    ...defaultConfig(socket),
    ...file,
    policies: file.policies === undefined ? undefined : beside(file.policies),
    socket: file.socket === undefined ? socket : beside(file.socket),
    limits: { ...DEFAULT_LIMITS, ...file.limits },
  };
}

// That the schema itself is one, a test tells: the checker for it would cost the agent 2 MB.
const validate = new Ajv({
  meta: false,
  validateSchema: false,
  formats: {
    address: (text) => parseHostPort(text) !== undefined,
    cidr: (text) => parsePrefix(text) !== undefined,
  },
}).compile<ConfigFile>(CONFIG_SCHEMA);

/** Checks the text of a configuration file. Throws SM_CONFIG_INVALID with file, line and field. */
export function parseConfig(text: string, file: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const at = (offset: number): SourcePosition => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const broken = document.errors[0];
  if (broken) throw new SockmeshError("SM_CONFIG_INVALID", broken.message, { at: at(broken.pos[0]) });
  visit(document, {
    Alias(_key, node) {
      throw new SockmeshError("SM_CONFIG_INVALID", "aliases are not read", { at: at(node.range?.[0] ?? 0) });
    },
  });
  // An empty file asks for the defaults.
  const value: unknown = document.toJS() ?? {};
  if (validate(value)) return value;
  const error = validate.errors?.[0] as ErrorObject;
  const path = pathOf(error);
  throw new SockmeshError("SM_CONFIG_INVALID", messageOf(error), {
    at: at(offsetOf(document, path)),
    field: path.length === 0 ? undefined : fieldName(path),
  });
}

/** Path to the value at fault; to the unknown field itself, not to what contains it. */
function pathOf(error: ErrorObject): string[] {
  const path = error.instancePath
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  const unknown = (error.params as { additionalProperty?: string }).additionalProperty;
  return unknown === undefined ? path : [...path, unknown];
}

const FORMATS: Readonly<Record<string, string>> = {
  address: "must be an address with a port, like 127.0.0.1:80 or [::1]:80",
  cidr: "must be an address or a prefix, like 10.0.0.0/8 or ::1/128",
};

function messageOf(error: ErrorObject): string {
  if (error.keyword === "additionalProperties") return "there is no such field";
  if (error.keyword === "format")
    return FORMATS[(error.params as { format: string }).format] ?? "is malformed";
  if (error.keyword === "enum")
    return `must be one of: ${(error.params as { allowedValues: string[] }).allowedValues.join(", ")}`;
  return error.message ?? error.keyword;
}

/** `listen[0].address`, as people write paths. */
function fieldName(path: readonly string[]): string {
  return path.map((part, i) => (/^\d+$/.test(part) ? `[${part}]` : i === 0 ? part : `.${part}`)).join("");
}

function offsetOf(document: Document, path: readonly string[]): number {
  const keys = path.map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  for (let depth = keys.length; depth > 0; depth--) {
    const node = document.getIn(keys.slice(0, depth), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return isNode(document.contents) && document.contents.range ? document.contents.range[0] : 0;
}
