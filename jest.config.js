// SPDX-License-Identifier: Apache-2.0
/** One project per kind of test, so that `--selectProjects unit` runs one alone. */
const common = {
  testEnvironment: "node",
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      { jsc: { parser: { syntax: "typescript" }, target: "es2022" }, module: { type: "es6" } },
    ],
  },
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1" },
  modulePathIgnorePatterns: ["<rootDir>/dist", "<rootDir>/.cache"],
};
const project = (name) => ({
  ...common,
  displayName: name,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
});
export default {
  projects: ["unit", "conformance", "kernel", "e2e", "servers"].map(project),
  // Only a test that hangs is to fail by time: a machine with other work may be ten times slower.
  testTimeout: 60_000,
};
