// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { Ajv2020 } from "ajv/dist/2020.js";
import { readdirSync, readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { caseSchema } from "../../../l7policy/cases/cases.js";
import { policySchema } from "../../../l7policy/parse/documents.js";
import { BROKEN } from "../../vectors/broken-policies.js";
import { FACTS } from "../../vectors/policy-facts.js";

const ajv = new Ajv2020({ strict: true, strictTypes: false, allErrors: true });
const checked = (name: string) =>
  ajv.compile(JSON.parse(readFileSync(`schema/${name}.gen.json`, "utf8")) as Record<string, unknown>);
const policy = checked("policy");
const cases = checked("policy-test");
const documents = (text: string): unknown[] => parseAllDocuments(text).map((one) => one.toJS() as unknown);
const files = (pattern: RegExp): string[] =>
  readdirSync("examples/policies", { recursive: true, encoding: "utf8" })
    .filter((name) => pattern.test(name))
    .map((name) => `examples/policies/${name}`);

test("the schemas are those of the parser's field tables", () => {
  ajv.compile({ ...policySchema(), $id: "policy" });
  ajv.compile({ ...caseSchema(), $id: "cases" });
});

test.each(files(/policy\.yaml$/))("%s fits", (file) => {
  for (const one of documents(readFileSync(file, "utf8")))
    expect([policy(one), policy.errors]).toEqual([true, null]);
});

test.each(files(/\.test\.yaml$/))("%s fits", (file) => {
  for (const one of documents(readFileSync(file, "utf8")))
    expect([cases(one), cases.errors]).toEqual([true, null]);
});

test("what the parser reads fits: the facts", () => {
  for (const { specs = [], documents: whole = [] } of FACTS)
    for (const text of [
      ...specs.map(
        (spec) =>
          `apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: { name: x }\nspec:\n${spec.replace(/^/gm, "  ")}`,
      ),
      ...whole,
    ])
      for (const one of documents(text))
        expect([text, policy(one), policy.errors]).toEqual([text, true, null]);
});

test("the good documents fit; unknown and refused fields, wrong types and what is missing do not", () => {
  let rejected = 0;
  const accepted: string[] = [];
  for (const { base, edits } of BROKEN) {
    for (const one of documents(base)) expect([policy(one), policy.errors]).toEqual([true, null]);
    for (const [find, put, , field, says] of edits) {
      // An editor shows what is wrong with the form; what fields mean together is the parser's to say.
      const form =
        /unknown field|is missing|must be a (list|mapping|string)|unknown value|longer than|at least one|not for sidecars|needs the keys/;
      if (!form.test(says) || /^spec$|matchExpressions.*values$|l7$|\.command$/.test(field)) continue;
      const fits = documents(base.replace(find, () => put)).every((one) => policy(one));
      if (fits) accepted.push(put);
      else rejected++;
    }
  }
  // JSON has no other keys than strings.
  expect(accepted).toEqual(["7: c"]);
  expect(rejected).toBeGreaterThanOrEqual(80);
});
