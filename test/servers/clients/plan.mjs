// SPDX-License-Identifier: Apache-2.0
// Runs a plan of traffic.ts with a function that makes one request, and prints a line for each answer.
import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";

/** @param request (method, path, headers, body) => Promise<[status, Buffer]> */
export async function run(request) {
  const lines = [];
  for (const line of readFileSync(process.argv[3], "utf8").trim().split("\n")) {
    const [method, path, customer, size] = line.split(" ");
    const headers = customer === "-" ? {} : { "X-Customer": customer };
    const body = size === "-" ? undefined : "b".repeat(Number(size));
    const [status, got] = await request(method, path, headers, body);
    lines.push(`${status} ${got.length} ${crc32(got)}`);
  }
  console.log(lines.join("\n"));
}
