// SPDX-License-Identifier: Apache-2.0
import { InvalidArgumentError, Option } from "commander";
import type { Labels } from "../l7policy/policy.js";
import type { Level } from "../sockmap/engine.js";
import { PORT_NAME } from "./port-name.js";

/** What the flags of `exec` say of its endpoint. */
export interface EndpointFlags {
  readonly name?: string;
  readonly label?: Labels;
  readonly level?: Level;
  readonly portOptOut: readonly number[];
  readonly portName: Readonly<Record<string, number>>;
}

/** `--level LEVEL`. */
export function levelOption(): Option {
  return new Option("--level <level>", "highest level for its connections (default: the agent's)").choices([
    "off",
    "shortcut",
    "splice",
  ]);
}

/** Reads one `--label KEY=VALUE` more. */
export function label(text: string, before: Record<string, string> | undefined): Record<string, string> {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined) throw new InvalidArgumentError("labels are KEY=VALUE");
  return { ...before, [key]: value };
}

/** Reads one port more. */
export function port(text: string, before: readonly number[]): number[] {
  return [...before, portNumber(text)];
}

function portNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535)
    throw new InvalidArgumentError("a port is a number from 1 to 65535");
  return value;
}

/** Reads one `--port-name NAME=PORT` more. */
export function portName(text: string, before: Readonly<Record<string, number>>): Record<string, number> {
  const [, name, number] = /^([^=]+)=([0-9]+)$/.exec(text) ?? [];
  if (name === undefined || number === undefined || !new RegExp(PORT_NAME).test(name))
    throw new InvalidArgumentError("named ports are NAME=PORT, the name up to 15 letters, digits and dashes");
  return { ...before, [name]: portNumber(number) };
}
