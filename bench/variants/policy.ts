// SPDX-License-Identifier: Apache-2.0
import { request } from "node:http";
import type { Target, Variant } from "../harness/runner.js";

/** The one rule that all variants but `direct` enforce, each in its own words: method, path by regex, one header. */
export const RULE = {
  method: "GET",
  /** Must match the whole path. */
  path: "/items/[0-9]+",
  header: { name: "X-Team", value: "bench" },
} as const;

/**
 * Patterns of the paths of `count` rules that are otherwise {@link RULE}; its own stands in the middle, and is the only one
 * that the bench's requests match.
 */
export function rulePaths(count: number): readonly string[] {
  const middle = count >> 1;
  return Array.from({ length: count }, (_, i) =>
    i === middle ? RULE.path : `/items/t${String(i).padStart(5, "0")}/documents/[0-9a-f]+/pages/.*`,
  );
}

/** Path of an answer with a body of that size. */
export function itemPath(bodyBytes: number): string {
  return `/items/${bodyBytes}`;
}

/** The header lines of an allowed request, as wrk and curl take them. */
export const ALLOWED_HEADERS: readonly string[] = [`${RULE.header.name}: ${RULE.header.value}`];

/**
 * A variant whose start fails unless it answers an allowed request with 200 and, where it enforces the rule, requests
 * that break one part of it with 403.
 */
export function verified(variant: Variant, enforces: boolean): Variant {
  return {
    ...variant,
    async start() {
      const target = await variant.start();
      try {
        await verify(target, variant.name, enforces);
      } catch (thrown) {
        await target.stop();
        throw thrown;
      }
      return target;
    },
  };
}

async function verify(target: Target, name: string, enforces: boolean): Promise<void> {
  const allowed = { [RULE.header.name]: RULE.header.value };
  const cases: readonly [method: string, path: string, headers: Record<string, string>, status: number][] = [
    [RULE.method, itemPath(100), allowed, 200],
    [RULE.method, itemPath(100), {}, 403],
    [RULE.method, "/items/x", allowed, 403],
    ["DELETE", itemPath(100), allowed, 403],
  ];
  for (const [method, path, headers, expected] of enforces ? cases : cases.slice(0, 1)) {
    const got = await status(target.port, method, path, headers);
    if (got !== expected) throw new Error(`${name}: ${method} ${path} answered ${got}, expected ${expected}`);
  }
}

function status(
  port: number,
  method: string,
  path: string,
  headers: Record<string, string>,
): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, method, path, headers, agent: false, timeout: 5000 }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode ?? 0));
    })
      .once("timeout", function (this: { destroy(error: Error): void }) {
        this.destroy(new Error(`no answer from port ${port} within 5 s`));
      })
      .once("error", reject)
      .end();
  });
}
