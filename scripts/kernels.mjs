// SPDX-License-Identifier: Apache-2.0
/**
 * The engine on other kernels: boots Debian's under qemu, loads every program, meets it with readers that sockmaps break,
 * and runs the order test at every level that is reached; then the same on the running kernel. Ends with "N passed,
 * N failed". KERNEL_SECONDS: of the order test at each level of a guest; 0: none, all else takes about eight minutes.
 * RECORD=1 writes what the programs cost the verifiers to test/kernels/costs.json.
 * Usage: scripts/kernels.mjs [SERIES|running...]
 */
import { randomInt } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { boot, runHere } from "./kernels/boot.mjs";
import { fetchKernel } from "./kernels/fetch.mjs";
import { buildStage, giveTask, packImage } from "./kernels/image.mjs";

const CACHE = ".cache/kernels";
const COSTS = "test/kernels/costs.json";
/** Programs that see readers which sockmaps break, sockmap/load.ts. */
const GUARDS = ["sockmesh_splice_reader", "sockmesh_asking_reader"];
/** How a kernel refuses all programs of their kind. */
const NO_FENTRY = /: (ESRCH|EPERM|ENOTSUPP|EOPNOTSUPP)$/;
const REPORT_MARK = "@@ "; // test/kernels/report.ts
const RECORD = process.env.RECORD === "1";
const seed = Number(process.env.ORDER_SEED ?? randomInt(1, 1_000_000));
/** Seconds of the order test at each level; this machine's own kernel has a longer test of its own. */
const GUEST_SECONDS = Number(process.env.KERNEL_SECONDS ?? 200);
const OWN_SECONDS = GUEST_SECONDS / 10;

const matrix = JSON.parse(readFileSync("test/kernels/matrix.json", "utf8"));
const recorded = JSON.parse(readFileSync(COSTS, "utf8"));
const wanted = process.argv.slice(2);
const sum = { passed: 0, failed: 0 };

function check(ok, what) {
  sum[ok ? "passed" : "failed"]++;
  console.log(`${ok ? "ok    " : "FAILED"}  ${what}`);
}

/** Most that a program may cost: half as much again, and a thousand, as on the recorded kernel where it costs most. */
function limit(program) {
  return 1000 + Math.floor(1.5 * Math.max(0, ...Object.values(recorded).map((costs) => costs[program] ?? 0)));
}

function checkProgram({ program, verified, failed }, kernel) {
  const refused = kernel.mayRefuse && GUARDS.includes(program) && NO_FENTRY.test(failed);
  const known = kernel.without.includes(program) || refused;
  if (verified === undefined)
    check(known, `${program}: does not load${known ? ", as is known" : ""}: ${failed}`);
  else if (RECORD) check(!known, `${program}: ${verified} instructions verified`);
  else
    check(
      !known && verified <= limit(program),
      `${program}: ${verified} instructions verified, at most ${limit(program)}`,
    );
}

function checkOrder(run) {
  const reached = run.reached > 0 && (run.order === "off" || run.fast > 0);
  check(
    run.errors === 0 && run.answered > 0 && reached,
    `order at ${run.order}, seed ${run.seed}: ${run.requests} requests, ${run.answered} answered, ${run.errors} errors, ` +
      `${run.fast} messages moved by the kernel, ${run.seconds} s${run.said ? `: ${run.said}` : ""}`,
  );
}

/** A reader that sockmaps break is seen, and its next connection is right over TCP; what FIONREAD says of moved bytes is known. */
function checkReader({ reader, level, reached, seen, listed, off, answered, right }, { fionread }, guarded) {
  const lies = reader === "asking" && !right[0];
  const broken = reader === "splice" || lies;
  const put = seen > 0 && listed && off > 0;
  const spared = seen === 0 && !listed && off === 0;
  const asExpected = reader === "splice" || fionread === undefined || lies === (fionread === "wrong");
  check(
    reached > 0 &&
      asExpected &&
      (broken && guarded ? put : spared) &&
      answered[1] &&
      (answered[0] || reader === "splice") &&
      (right[1] || reader === "splice" || !guarded),
    `reader ${reader} at ${level}: seen ${seen} times, ${listed ? "" : "not "}put back, ${off} legs on TCP for it, ` +
      `answered ${answered.join(" and ")}${reader === "asking" ? `, FIONREAD right ${right.join(" and ")}` : ""}`,
  );
}

/** What a kernel is built from: Debian's releases name the interface, not the patch level. */
function upstream({ release, version }) {
  return /Debian (\d+\.\d+\.\d+)-/.exec(version)?.[1] ?? /^\d+\.\d+\.\d+/.exec(release)?.[0] ?? release;
}

/** Checks one kernel. `start` runs the guest and hands over its reports. */
async function test(kernel, seconds, start) {
  const costs = {};
  const levels = new Set();
  const onReport = (report) => {
    if (report.release) {
      if (RECORD) recorded[upstream(report)] = costs;
      console.log(`\n${kernel.series}: ${report.release}, ${report.version}`);
    } else if (report.program) {
      if (report.verified !== undefined) costs[report.program] = report.verified;
      checkProgram(report, kernel);
    } else if (report.reader)
      checkReader(
        report,
        kernel,
        GUARDS.every((name) => name in costs),
      );
    else if (report.engine) {
      const { engine, level, because } = report;
      const right = engine === "kernel" && level === kernel.level && because === kernel.because;
      check(right, `level ${level}${because ? `: ${because}` : ""}`);
    } else {
      levels.add(report.order);
      checkOrder(report);
    }
  };
  const log = join(CACHE, `${kernel.series}.log`);
  const minutes = 12 + (3 * 3 * seconds) / 60;
  const { faults, code, last } = await start({ log, mark: REPORT_MARK, minutes, onReport });
  check(code === 0, `it ended: ${code ?? `not within ${Math.round(minutes)} minutes`}; log in ${log}`);
  if (code !== 0) console.log(last.join("\n"));
  if (seconds > 0) check(levels.has(kernel.level), `the order test ran at: ${[...levels].join(", ")}`);
  if (!faults) return;
  check(
    faults.length === 0,
    `the kernel complained ${faults.length} times${faults.length > 0 ? `: ${faults[0]}` : ""}`,
  );
}

/** What the running kernel is to reach: as another on its side of 6.3. What its FIONREAD says is not known from that. */
function running() {
  const older = (version) => version.localeCompare("6.3", "en", { numeric: true }) < 0;
  const like = matrix.find(({ series }) => older(series) === older(release()));
  return { ...like, series: "running", fionread: undefined, mayRefuse: true };
}

await buildStage(CACHE);
giveTask(CACHE, { seconds: GUEST_SECONDS, seed });
const image = packImage(CACHE);
giveTask(CACHE, { seconds: OWN_SECONDS, seed });
for (const kernel of [...matrix, running()]) {
  if (wanted.length > 0 && !wanted.includes(kernel.series)) continue;
  try {
    if (kernel.series === "running")
      await test(kernel, OWN_SECONDS, (how) => runHere({ folder: CACHE, ...how }));
    else {
      const path = fetchKernel(kernel, CACHE);
      await test(kernel, GUEST_SECONDS, (how) => boot({ kernel: path, image, ...how }));
    }
  } catch (error) {
    check(false, `${kernel.series}: ${error.message}`);
  }
}
if (RECORD) writeFileSync(COSTS, `${JSON.stringify(recorded, null, 2)}\n`);
console.log(`${sum.passed} passed, ${sum.failed} failed`);
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0;
