// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import type { L7Rules } from "./model.js";

const digests = new WeakMap<L7Rules, string>();

/** Content address of the rules of one `toPorts` entry, wherever they stand in their file. */
export function digestOf(l7: L7Rules): string {
  let digest = digests.get(l7);
  if (digest === undefined) {
    const text = JSON.stringify([l7.family, ...l7.rules.map((rule) => ({ ...rule, at: 0 }))]);
    digest = createHash("sha256").update(text).digest("hex").slice(0, 32);
    digests.set(l7, digest);
  }
  return digest;
}

/** Takes over a digest that was worked out where the rules were read. */
export function knowDigest(l7: L7Rules, digest: string): void {
  digests.set(l7, digest);
}
