// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";

/** What the kernel says of its types and functions. */
const BTF = "/sys/kernel/btf/vmlinux";

/** Whether the running kernel has all of some types and functions, whatever its version; undefined where it does not say. */
export function kernelHas(...names: readonly string[]): boolean | undefined {
  try {
    const known = readFileSync(BTF);
    return names.every((name) => known.includes(`\0${name}\0`));
  } catch {
    return undefined;
  }
}
