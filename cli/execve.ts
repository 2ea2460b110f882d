// SPDX-License-Identifier: Apache-2.0
import koffi from "koffi";

const F_SETFD = 2;
/** Signals that Node ignores for itself; a command expects their default (SIGPIPE ends `yes | head`). */
const IGNORED = [13 /* SIGPIPE */, 25 /* SIGXFSZ */];
const ENOENT = 2;

/**
 * Replaces this process by a command: same pid, so signals, exit code and terminal need no passing on, and no parent
 * stays in memory. Standard input, output and error are handed on, all other descriptors close.
 * Returns only when that fails: `not found` or `not executable`.
 */
export function execvp(command: readonly string[]): "not found" | "not executable" {
  // The symbols of the running program itself: the C library, whichever it is.
  const libc = koffi.load(null);
  const fcntl = libc.func("int fcntl(int fd, int command, ...)");
  const signal = libc.func("void *signal(int number, void *handler)");
  const exec = libc.func("int execvp(const char *file, const char **argv)");
  // Node marks all descriptors close-on-exec when it starts.
  for (const fd of [0, 1, 2]) fcntl(fd, F_SETFD, "int", 0);
  for (const number of IGNORED) signal(number, null);
  exec(command[0], [...command, null]);
  return koffi.errno() === ENOENT ? "not found" : "not executable";
}
