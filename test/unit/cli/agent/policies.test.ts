// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadPolicies, policyFiles, type ParsedFiles } from "../../../../cli/agent/policies.js";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sockmesh-policies-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const policy = (name: string, path = "/a"): string => `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: ${name} }
spec:
  endpointSelector: {}
  ingress:
    - toPorts:
        - ports: [{ port: "80", protocol: TCP }]
          rules: { http: [{ path: "${path}" }] }
`;

test("a file that did not change is not parsed again; one that is gone is forgotten", () => {
  const known: ParsedFiles = new Map();
  const load = () => loadPolicies(policyFiles(folder), undefined, known);
  writeFileSync(join(folder, "a.yaml"), policy("a"));
  writeFileSync(join(folder, "b.yaml"), policy("b"));
  const first = load();
  expect(first.policies.map(({ name }) => name)).toEqual(["a", "b"]);
  writeFileSync(join(folder, "b.yaml"), policy("c"));
  const second = load();
  expect(second.policies.map(({ name }) => name)).toEqual(["a", "c"]);
  expect(second.policies[0]).toBe(first.policies[0]);
  writeFileSync(join(folder, "b.yaml"), "kind: Nonsense");
  expect(load().errors.map(({ code }) => code)).toEqual(["SM_POLICY_FIELD"]);
  expect(load().errors).toHaveLength(1);
  rmSync(join(folder, "a.yaml"));
  load();
  expect([...known.keys()]).toEqual([join(folder, "b.yaml")]);
});

test("bytes that are no UTF-8 are refused with their line, wherever they stand", () => {
  const file = join(folder, "a.yaml");
  for (const broken of ["\xff", "\xc3(", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3"]) {
    writeFileSync(file, Buffer.from(policy("a", `/é${broken}`).replace("é", "\xc3\xa9"), "latin1"));
    expect(loadPolicies([file]).errors.map(({ code, at }) => [code, at?.line])).toEqual([
      ["SM_POLICY_SYNTAX", 9],
    ]);
  }
  writeFileSync(file, policy("a", "/é"));
  expect(loadPolicies([file]).errors).toEqual([]);
});
