// SPDX-License-Identifier: Apache-2.0
import { isIP } from "node:net";

/** Reads `127.0.0.1:80` or `[::1]:80`; undefined for anything else. */
export function parseHostPort(text: string): { host: string; port: number } | undefined {
  const [, six, four, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (port > 65_535) return undefined;
  if (six !== undefined && isIP(six) === 6) return { host: six, port };
  return four !== undefined && isIP(four) === 4 ? { host: four, port } : undefined;
}
