// SPDX-License-Identifier: Apache-2.0
/** Archives of the kind that Linux unpacks as its first root ("newc"). */
import { execFileSync } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync, realpathSync, statSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";

const FOLDER = 0o040755;
const PROGRAM = 0o100755;

/** Writes one archive; parents of what is added are made. */
export class Archive {
  #fd;
  #has = new Set(["/"]);
  #number = 0;

  constructor(path) {
    this.#fd = openSync(path, "w");
  }

  folder(path) {
    if (this.#has.has(path)) return;
    this.folder(dirname(path));
    this.#entry(path, FOLDER, new Uint8Array());
  }

  /** A file of this machine, following links. */
  file(from, path) {
    if (this.#has.has(path)) return;
    this.folder(dirname(path));
    this.#entry(path, PROGRAM, readFileSync(from));
  }

  /** All below a folder. */
  tree(from, path) {
    for (const name of readdirSync(from)) {
      const source = join(from, name);
      if (statSync(source).isDirectory()) this.tree(source, join(path, name));
      else this.file(source, join(path, name));
    }
  }

  /** A program with the libraries that it is linked to, at the paths at which it looks for them. */
  program(from, path) {
    this.file(realpathSync(from), path);
    this.libraries(from);
  }

  libraries(of) {
    for (const [, library] of execFileSync("ldd", [of], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g))
      this.file(library, library);
  }

  close() {
    this.#entry("/TRAILER!!!", 0, new Uint8Array());
    closeSync(this.#fd);
  }

  #entry(path, mode, bytes) {
    this.#has.add(path);
    const name = Buffer.from(`${path.slice(1)}\0`);
    const fields = [++this.#number, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length, 0];
    const head = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
    this.#write(Buffer.concat([Buffer.from(head), name]));
    this.#write(bytes);
  }

  /** Everything starts at a multiple of 4. */
  #write(bytes) {
    writeSync(this.#fd, bytes);
    const rest = bytes.length % 4;
    if (rest) writeSync(this.#fd, new Uint8Array(4 - rest));
  }
}
