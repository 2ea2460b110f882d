// SPDX-License-Identifier: Apache-2.0
// Runs checks and jest projects one after another and ends with one line "N passed, N failed".
// Usage: node scripts/test.mjs STEP...   steps: lint format types gen bpf, a jest project, or soak
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

const MINUTE = 60_000;
const RESULTS = ".cache/test";

const NOTHING = { passed: 0, failed: 0, skipped: 0 };

/** Checks that are no jest project: a command each. They count in the sum only when they fail. */
const CHECKS = {
  lint: ["npx", "eslint", ".", "--max-warnings", "0"],
  format: ["npx", "prettier", "--check", "--log-level", "warn", "."],
  types: ["npx", "tsc", "-p", "tsconfig.json", "--noEmit"],
  gen: checkGenerated,
  bpf: ["scripts/bpf.sh", "check"],
};

/** Kernel and e2e tests attach programs to the one kernel there is, so their files run one at a time. */
const SERIAL = new Set(["kernel", "e2e", "servers"]);

/** Runs a command; resolves with true at exit 0. Past its time its whole process group is killed. */
function run(command, timeout) {
  return new Promise((resolve) => {
    const [program, ...args] = command;
    const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"], detached: true });
    const kill = () => {
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // It is gone already.
      }
    };
    const timer = setTimeout(() => {
      console.error(`test: ${command.join(" ")} took more than ${timeout / MINUTE} minutes`);
      kill();
    }, timeout);
    const interrupted = () => {
      kill();
      process.exit(130);
    };
    process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
    child.once("error", (error) => console.error(`test: ${program}: ${error.message}`));
    child.once("close", (code) => {
      clearTimeout(timer);
      process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
      resolve(code === 0);
    });
  });
}

/** Files below the project's folders whose name matches. */
function files(pattern, folder = ".") {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (["node_modules", "dist", ".git", ".cache", ".node"].includes(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return files(pattern, path);
    return pattern.test(entry.name) ? [path] : [];
  });
}

/** Generated files are what the generator writes; they are left as they were found. */
async function checkGenerated() {
  const snapshot = () => new Map(files(/\.gen\.\w+$/).map((path) => [path, readFileSync(path, "utf8")]));
  const before = snapshot();
  const ran = await run(["npm", "run", "--silent", "gen"], MINUTE);
  const after = snapshot();
  const stale = [...new Set([...before.keys(), ...after.keys()])].filter(
    (path) => before.get(path) !== after.get(path),
  );
  for (const path of stale) {
    console.error(`test: ${path} is not what its generator writes: run npm run gen`);
    if (before.has(path)) writeFileSync(path, before.get(path));
    else rmSync(path);
  }
  return ran && stale.length === 0;
}

/**
 * Runs jest and counts by its own report. A run that crashed, hung, or failed outside of any test is a failure; so is a
 * skipped test where everything must run (REQUIRE_KERNEL=1).
 */
async function jest(name, args, timeout) {
  const report = join(RESULTS, `${name}.json`);
  rmSync(report, { force: true });
  const ok = await run(
    ["npm", "run", "--silent", "jest", "--", "--json", `--outputFile=${report}`, ...args],
    timeout,
  );
  const sum = { ...NOTHING };
  try {
    const result = JSON.parse(readFileSync(report, "utf8"));
    sum.passed = result.numPassedTests;
    sum.failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
    sum.skipped = result.numPendingTests + result.numTodoTests;
  } catch (error) {
    console.error(`test: ${name} left no report: ${error.message}`);
  }
  if (sum.skipped > 0 && process.env.REQUIRE_KERNEL === "1") {
    console.error(`test: ${name} skipped ${sum.skipped} tests, but REQUIRE_KERNEL=1`);
    sum.failed += sum.skipped;
    sum.skipped = 0;
  }
  const ran = sum.passed + sum.skipped > 0;
  if ((!ok || !ran) && sum.failed === 0) sum.failed = 1;
  return sum;
}

/** Tests that have a long form: those that read SOAK themselves, or through a file that does. */
function longTests() {
  const texts = new Map(files(/\.ts$/, "test").map((path) => [path, readFileSync(path, "utf8")]));
  const readers = [...texts].filter(([, text]) => /\bSOAK\b/.test(text)).map(([path]) => path);
  const imports = (text) => readers.some((path) => text.includes(`/${basename(path, ".ts")}.js"`));
  return [...texts]
    .filter(([path, text]) => path.endsWith(".test.ts") && (readers.includes(path) || imports(text)))
    .map(([path]) => path);
}

const notRun = [];

async function step(name) {
  const check = CHECKS[name];
  if (check) {
    const ok = await (typeof check === "function" ? check() : run(check, 5 * MINUTE));
    return { ...NOTHING, failed: ok ? 0 : 1 };
  }
  if (name === "soak") {
    const long = longTests();
    if (long.length > 0) return jest(name, ["--runInBand", "--runTestsByPath", ...long], 12 * 60 * MINUTE);
    console.error("test: no test reads SOAK");
    return { ...NOTHING, failed: 1 };
  }
  // Without BPF there is no kernel engine to test; doctor tells what is missing.
  const required = process.env.REQUIRE_KERNEL === "1";
  if (name === "kernel" && !required && !(await run(["node", "dist/cli/main.js", "doctor"], MINUTE))) {
    notRun.push(name);
    return NOTHING;
  }
  return jest(name, ["--selectProjects", name, ...(SERIAL.has(name) ? ["--runInBand"] : [])], 12 * MINUTE);
}

const steps = process.argv.slice(2);
if (steps.length === 0) throw new Error("usage: node scripts/test.mjs STEP...");
const total = { ...NOTHING };
const broken = [];
mkdirSync(RESULTS, { recursive: true });
for (const name of steps) {
  const started = performance.now();
  console.error(`\n== ${name}`);
  const sum = await step(name);
  for (const key of Object.keys(total)) total[key] += sum[key];
  if (sum.failed > 0) broken.push(name);
  const verdict = sum.failed > 0 ? "FAILED" : notRun.includes(name) ? "not run" : "ok";
  console.error(`== ${name}: ${verdict}, ${Math.round((performance.now() - started) / 1000)} s`);
}
if (notRun.length > 0) console.error(`\ntest: not run, because this machine cannot: ${notRun.join(", ")}`);
if (broken.length > 0) console.error(`\ntest: failed: ${broken.join(", ")}`);
console.log(
  `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`,
);
process.exitCode = total.failed > 0 ? 1 : 0;
