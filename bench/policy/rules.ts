// SPDX-License-Identifier: Apache-2.0
import type { HttpRule, Policy } from "../../l7policy/model.js";
import { httpFields } from "../../l7policy/families/spans.js";
import { parsePolicies } from "../../l7policy/parse/parse.js";
import type { FieldSpans } from "../../protocols/fields.js";

/** Bytes of the paths that are asked for. */
export const PATH_BYTES = 100;

const tenant = (number: number): string => String(number).padStart(5, "0");

/** Pattern of the path of one rule. */
export function pathPattern(number: number): string {
  return `/v1/tenants/t${tenant(number)}/documents/[0-9a-f]+/pages/.*`;
}

/** A path of {@link PATH_BYTES} bytes that the rule of that number alone allows. */
export function allowedPath(number: number): string {
  return `/v1/tenants/t${tenant(number)}/documents/0123456789abcdef/pages/`.padEnd(PATH_BYTES, "x");
}

/** Rules of `count` numbers from `first` on, `step` apart. */
export function pathRules(count: number, step = 1, first = 0): HttpRule[] {
  return Array.from({ length: count }, (_, i) => ({
    at: { file: "bench", line: i + 1, column: 1 },
    method: "GET",
    path: pathPattern(first + i * step),
    host: undefined,
    headers: [],
  }));
}

/** The request that the rule of a number allows, as a browser would send it. */
export function allowedRequest(number: number): FieldSpans {
  const headers: [string, string][] = [
    ["Host", "shop.example.com"],
    ["User-Agent", "bench/1.0"],
    ["Accept", "*/*"],
  ];
  return httpFields({
    family: "http",
    method: "GET",
    path: allowedPath(number),
    host: "shop.example.com",
    headers,
  });
}

/** A policy of such rules as a user writes it. */
export function policyText(name: string, port: number, count: number, first: number): string {
  const rules = pathRules(count, 1, first).map(
    ({ method, path }) => `              - { method: ${method}, path: "${path}" }\n`,
  );
  return `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: ${name} }
spec:
  endpointSelector: { matchLabels: { app: bench-service } }
  ingress:
    - toPorts:
        - ports: [{ port: "${port}", protocol: TCP }]
          rules:
            http:
${rules.join("")}`;
}

/** Reads a policy of the bench's own. */
export function readPolicies(name: string, text: string): readonly Policy[] {
  const parsed = parsePolicies(name, text);
  if (!parsed.ok) throw new Error(parsed.errors[0]?.describe());
  return parsed.policies;
}
