// SPDX-License-Identifier: Apache-2.0
/** The root of a guest: Node, the product as it is installed, the order test's programs, and a process 1. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Archive } from "./cpio.mjs";

/** Packages that the product needs to run, as far as they are installed here. */
function productionPackages() {
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
  return Object.keys(packages).filter((path) => path && !packages[path].dev && existsSync(path));
}

function library(name) {
  const told = execFileSync("/sbin/ldconfig", ["-p"], { encoding: "utf8" });
  const path = new RegExp(`^\\s*${name.replaceAll(".", "\\.")} .*x86-64.* => (\\S+)$`, "m").exec(told)?.[1];
  if (!path) throw new Error(`${name} is not installed`);
  return path;
}

const C_FLAGS = "-std=gnu11 -O2 -Wall -Wextra -Werror".split(" ");

function compile(source, to, ...more) {
  execFileSync("gcc", [...C_FLAGS, ...more, source, "-o", to], { stdio: "inherit" });
}

/** Builds what a guest runs into a folder: the product, the tests and their programs. */
export async function buildStage(folder) {
  const dist = join(folder, "dist");
  const order = join(folder, "order");
  for (const name of ["dist", "order", "readers", "sockmap", "package.json"])
    rmSync(join(folder, name), { recursive: true, force: true });
  mkdirSync(order, { recursive: true });
  // Where the stage is run on this machine, they are looked for beside dist/.
  for (const name of ["sockmap", "package.json"]) symlinkSync(resolve(name), join(folder, name));
  execFileSync("npx", ["tsc", "-p", "test/kernels/tsconfig.json"], { stdio: "inherit" });
  const { OrderPrograms } = await import(pathToFileURL(resolve(dist, "test/support/order.js")).href);
  new OrderPrograms(order);
  mkdirSync(join(folder, "readers"));
  compile("test/kernels/reader.c", join(folder, "readers", "reader"));
}

/** What the guest is to do is a file beside dist/. */
export function giveTask(folder, task) {
  writeFileSync(join(folder, "task.json"), JSON.stringify(task));
}

/** Packs the stage, and what it needs of this machine, into an image; returns its path. */
export function packImage(folder) {
  const init = join(folder, "init");
  const image = join(folder, "root.cpio");
  compile("test/kernels/init.c", init, "-static");
  const archive = new Archive(image);
  for (const path of ["/dev", "/proc", "/sys", "/tmp", "/run"]) archive.folder(path);
  archive.file(init, "/init");
  archive.program(process.execPath, "/bin/node");
  archive.program("/bin/chmod", "/bin/chmod");
  for (const path of ["order/client", "order/server", "readers/reader"])
    archive.program(join(folder, path), `/sockmesh/${path}`);
  const libbpf = library("libbpf.so.1");
  archive.file(libbpf, libbpf);
  archive.libraries(libbpf);
  archive.tree(join(folder, "dist"), "/sockmesh/dist");
  for (const path of productionPackages()) archive.tree(path, `/sockmesh/${path}`);
  archive.file("sockmap/bpf/engine.bpf.o", "/sockmesh/sockmap/bpf/engine.bpf.o");
  archive.file("package.json", "/sockmesh/package.json");
  archive.file(join(folder, "task.json"), "/sockmesh/task.json");
  archive.close();
  return image;
}
