// SPDX-License-Identifier: Apache-2.0
/** Boots a kernel under qemu, without hardware help, and collects what the guest reports. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { createWriteStream } from "node:fs";

/**
 * The guest's clocks must not hang on the host's counter of cycles: on some virtual machines it jumps between cores. And a
 * busy host may let a whole guest stand still for half a minute, idle processors too: a lockup is what takes two.
 */
const KERNEL_LINE =
  "console=ttyS0 panic=-1 loglevel=5 tsc=unstable clocksource=hpet rcupdate.rcu_cpu_stall_suppress=1 watchdog_thresh=60";

/** Lines of the kernel's log that are faults of it. */
const FAULT = /\b(BUG:|WARNING: |Oops|general protection fault|Kernel panic|refcount_t:|possible circular)/;

/**
 * Runs a guest to its end.
 * @returns the kernel's faults, the guest's exit code (undefined: it did not end by itself), and the last lines
 */
export async function boot({ kernel, image, ...more }) {
  const qemu = [
    "qemu-system-x86_64",
    ..."-machine q35 -accel tcg,thread=multi -cpu max -smp 2 -m 1536".split(" "),
    ..."-nodefaults -no-user-config -no-reboot -display none -serial stdio".split(" "),
    ...["-kernel", kernel, "-initrd", image, "-append", KERNEL_LINE],
  ];
  const { lines, last } = await run(qemu, more);
  const ended = lines.map((line) => /^guest ended: (\d+)/.exec(line)?.[1]).find((code) => code !== undefined);
  return {
    faults: lines.filter((line) => FAULT.test(line)).map((line) => line.trim()),
    code: ended === undefined ? undefined : Number(ended),
    last,
  };
}

/** Runs what a guest would on this machine's kernel, whose log is not looked at: others use it too. */
export async function runHere({ folder, ...more }) {
  const { code, last } = await run([process.execPath, "--no-warnings", "dist/test/kernels/guest.js"], {
    cwd: folder,
    ...more,
  });
  return { code, last };
}

/** Runs a program to its end; its reports are handed on as they come, its other lines kept. */
function run([program, ...args], { log, mark, minutes, onReport, cwd }) {
  const child = spawn(program, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  const stop = () => child.kill("SIGKILL");
  const timer = setTimeout(stop, minutes * 60_000);
  process.once("exit", stop);
  const kept = createWriteStream(log);
  const lines = [];
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on("line", (line) => {
      kept.write(`${line}\n`);
      if (line.startsWith(mark)) onReport(JSON.parse(line.slice(mark.length)));
      else lines.push(line);
    });
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("close", (code) => {
      clearTimeout(timer);
      process.off("exit", stop);
      kept.end();
      done({ lines, code: code ?? undefined, last: lines.slice(-20) });
    });
  });
}
