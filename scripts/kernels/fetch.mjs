// SPDX-License-Identifier: Apache-2.0
/** Debian's kernels from the mirror that apt is set to, by version and checksum. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

const SOURCES = ["/etc/apt/sources.list", "/etc/apt/sources.list.d"];

/** Base URL of the Debian archive in apt's own configuration. */
export function mirror(texts = sources()) {
  for (const text of texts) {
    const url = /^(?:deb (?:\[[^\]]*\] )?|URIs: *)(https?:\/\/\S+?\/debian)\/?(?:\s|$)/m.exec(text)?.[1];
    if (url) return url;
  }
  throw new Error("apt is not set to a Debian mirror: the kernels cannot be fetched");
}

function sources() {
  return SOURCES.filter(existsSync).flatMap((path) => {
    if (!path.endsWith(".d")) return [readFileSync(path, "utf8")];
    return readdirSync(path).map((name) => readFileSync(join(path, name), "utf8"));
  });
}

/** Curl takes proxies and certificates from the environment. */
function download(url, most) {
  return execFileSync("curl", ["--fail", "--silent", "--show-error", "--location", "--retry", "3", url], {
    maxBuffer: most,
  });
}

/** What the mirror has of a series today, for who has to write down a newer one. */
function offered({ series, suite }) {
  const packed = download(`${mirror()}/dists/${suite}/main/binary-amd64/Packages.xz`, 1 << 28);
  const text = execFileSync("xz", ["--decompress", "--stdout"], {
    input: packed,
    maxBuffer: 1 << 30,
  }).toString();
  return text.split("\n\n").flatMap((paragraph) => {
    const field = (name) => new RegExp(`^${name}: (.*)$`, "m").exec(paragraph)?.[1] ?? "";
    const wanted = /^linux-image-\d.*-cloud-amd64$/.test(field("Package"));
    return wanted && field("Version").startsWith(`${series}.`)
      ? [`"file": "${field("Filename")}", "sha256": "${field("SHA256")}"`]
      : [];
  });
}

/** Downloads a kernel once, checks it, and returns the path of its image. */
export function fetchKernel(kernel, cache) {
  const name = basename(kernel.file);
  const package_ = join(cache, name);
  const folder = join(cache, name.replace(/_.*/, ""));
  if (!existsSync(package_)) {
    mkdirSync(cache, { recursive: true });
    console.error(`kernels: fetching ${name}`);
    let bytes;
    try {
      bytes = download(`${mirror()}/${kernel.file}`, 1 << 28);
    } catch (error) {
      throw new Error(
        `${name} cannot be fetched (${error.message.split("\n").at(-2)}); test/kernels/matrix.json may name instead:\n${offered(kernel).join("\n")}`,
        { cause: error },
      );
    }
    const sum = createHash("sha256").update(bytes).digest("hex");
    if (sum !== kernel.sha256) throw new Error(`${name} has the checksum ${sum}, not ${kernel.sha256}`);
    writeFileSync(`${package_}.part`, bytes);
    renameSync(`${package_}.part`, package_);
  }
  if (!existsSync(folder)) {
    execFileSync("dpkg-deb", ["-x", package_, `${folder}.part`]);
    renameSync(`${folder}.part`, folder);
  }
  const boot = join(folder, "boot");
  const image = readdirSync(boot).find((file) => file.startsWith("vmlinuz-"));
  if (!image) throw new Error(`${name} has no kernel`);
  return join(boot, image);
}
