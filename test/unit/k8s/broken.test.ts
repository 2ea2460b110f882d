// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { parseManifest } from "../../../k8s/manifest.js";
import { BROKEN, GOOD } from "../../vectors/broken-manifests.js";

test("what is broken below is good", () => {
  expect(parseManifest("web.yaml", GOOD)).toMatchObject({ ok: true, workloads: [{ name: "web" }] });
});

test.each(BROKEN)("%j becomes %j", (find, put, ...errors) => {
  expect(GOOD).toContain(find);
  const manifest = parseManifest(
    "web.yaml",
    GOOD.replace(find, () => put),
  );
  if (manifest.ok) throw new Error("it is good");
  expect(manifest.errors.map((error) => error.describe())).toEqual(errors);
  expect(new Set(manifest.errors.map(({ code }) => code))).toEqual(new Set(["SM_MANIFEST_INVALID"]));
});

test("what would take the parser too much is not given to it", () => {
  const manifest = parseManifest("deep.yaml", `a: ${"[".repeat(200)}`);
  if (manifest.ok) throw new Error("it is good");
  expect(manifest.errors.map((error) => error.describe())).toEqual([
    "deep.yaml:1:104: brackets are nested deeper than 100",
  ]);
});
