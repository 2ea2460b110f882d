// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One part of the splice rule left out of the programs. `from` stands once in the file; `to` takes its place. */
export interface Broken {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const SPLICE = "splice.h";

/** What the order test must find out. docs/splice.md says why each part is there. */
export const BROKEN: readonly Broken[] = [
  {
    name: "a request overtakes bytes that the sidecar's parser has not dealt with",
    file: SPLICE,
    from: "\tif (sent != READ(record->in_f))\n\t\treturn OUTCOME_SLOW_IN_FLIGHT;",
    to: "",
  },
  {
    name: "an answer overtakes bytes that the sidecar has not sent on",
    file: SPLICE,
    from: "\tif (sent != READ(record->in_r))\n\t\treturn OUTCOME_SLOW_IN_FLIGHT;",
    to: "",
  },
  {
    name: "what the sidecar sends goes over TCP, beside what is moved",
    file: "inject.h",
    from: "if (peer && bpf_msg_redirect_hash(m, &sockets, &peer, BPF_F_INGRESS) == SK_PASS)",
    to: "if (peer)",
  },
  {
    name: "an answer overtakes one that the sidecar is about to give",
    file: SPLICE,
    from: "\tif (flags & RECORD_RESPONSESSLOW)\n\t\treturn OUTCOME_SLOW_INJECTING;",
    to: "",
  },
  {
    name: "requests behind the first of one send are not judged",
    file: SPLICE,
    from: "\tif (m->size - run.at > run.length)\n\t\treturn OUTCOME_SLOW_PIPELINED;",
    to: "",
  },
  {
    name: "a body is not told from the next request",
    file: SPLICE,
    from: "\trecord->body_f = request->body;",
    to: "",
  },
  {
    name: "no rule is asked",
    file: "table.h",
    from: "\tif (judge && !NAME(allowed)(run))\n\t\treturn OUTCOME_SLOW_NOT_ALLOWED;",
    to: "",
  },
  {
    name: "an answer without a body is taken for one with",
    file: SPLICE,
    from: "READ(record->head_request) == answered(record) + 1",
    to: "0",
  },
  {
    name: "the sidecar is not told that answers are delivered",
    file: "trace.h",
    from: "\tWRITE(record->send_end, record->send_begin);",
    to: "",
  },
];

/** A folder with an object whose programs lack one part of the rule. */
export function build({ file, from, to }: Broken): { readonly object: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "sockmesh-broken-"));
  cpSync("sockmap/bpf", join(folder, "sockmap/bpf"), { recursive: true });
  cpSync("scripts/bpf.sh", join(folder, "scripts/bpf.sh"), { recursive: true });
  const path = join(folder, "sockmap/bpf", file);
  writeFileSync(path, without(readFileSync(path, "utf8"), from, to));
  // What is no longer used is no fault here.
  const script = join(folder, "scripts/bpf.sh");
  writeFileSync(script, readFileSync(script, "utf8").replace("-Werror", ""));
  execFileSync(script, ["build"], { stdio: ["ignore", "ignore", "pipe"] });
  return {
    object: join(folder, "sockmap/bpf/engine.bpf.o"),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** A text in which a part is replaced. Throws unless the part stands there exactly once. */
export function without(text: string, from: string, to: string): string {
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`it stands there ${parts.length - 1} times: ${from}`);
  return parts.join(to);
}
