// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { cgroup2Of, findCgroup2 } from "../../../cli/cgroup.js";

test.each([
  ["a unified host", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n", "/sys/fs/cgroup"],
  [
    "a hybrid host",
    "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n",
    "/sys/fs/cgroup/unified",
  ],
  ["a path with a blank", "none /mnt/c\\040g cgroup2 rw 0 0\n", "/mnt/c g"],
  ["a version 1 host", "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n", undefined],
  ["no mounts", "", undefined],
])("cgroup v2 of %s", (_what, mounts, found) => {
  expect(findCgroup2(mounts)).toBe(found);
});

test("the cgroup v2 of a process is the entry of hierarchy 0", () => {
  expect(cgroup2Of("12:cpu,cpuacct:/a\n0::/system.slice/ssh.service\n")).toBe("/system.slice/ssh.service");
  expect(cgroup2Of("1:name=systemd:/\n")).toBe("/");
});
