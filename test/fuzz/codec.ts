// SPDX-License-Identifier: Apache-2.0
import { DEFAULT_LIMITS } from "../../core/limits.js";
import { HttpField } from "../../protocols/fields.js";
import { RequestDecoder } from "../../protocols/http1/decoder.js";
import type { HttpRequest } from "../../protocols/http1/request.js";
import type { Framing } from "../../protocols/protocol.js";
import { BodyKind } from "../../sockmap/abi.js";
import type { Judge } from "./rules.js";

/** What policy sees of a head. */
export interface PolicyView {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly bodyLength: number;
}

/** The strict codec and the rules, for one message at a time. */
export class Codec {
  result: "request" | "fault" | "short" = "short";
  fault = "";
  headBytes = 0;
  bodyLength = 0;
  expectation = 0;
  rule = -1;
  /** The head is forwarded in other words, asks for more than an answer, or ends its connection. */
  unfit = false;
  framing: Framing = { at: "between" };
  private decoder = new RequestDecoder(DEFAULT_LIMITS);
  private judge: Judge | undefined;
  private message: Uint8Array = new Uint8Array(0);
  private readonly sink = {
    head: (request: HttpRequest): void => {
      if (this.result !== "short") return;
      this.result = "request";
      this.headBytes = request.bytes.length;
      this.bodyLength = request.bodyLength;
      this.expectation = request.expectation;
      this.rule = this.judge?.match(request.fields) ?? -1;
      this.unfit =
        request.upgrade ||
        request.last ||
        request.awaitsContinue ||
        Buffer.compare(request.bytes, this.message.subarray(0, this.headBytes)) !== 0;
    },
    body: (): void => undefined,
    end: (): void => undefined,
    fault: ({ reason }: { reason: string }): void => {
      this.fault = reason;
      if (this.result === "short") this.result = "fault";
    },
  };

  read(message: Buffer, judge: Judge): void {
    this.result = "short";
    this.fault = "";
    this.rule = -1;
    this.judge = judge;
    this.message = message;
    this.decoder.push(message, this.sink);
    this.framing = this.decoder.framing();
    const faulted = this.fault !== "";
    if (faulted || this.framing.at !== "between") this.decoder = new RequestDecoder(DEFAULT_LIMITS);
  }
}

/** Reads a head that the codec accepts. */
export function policyView(head: Uint8Array): PolicyView {
  let view: PolicyView | undefined;
  new RequestDecoder(DEFAULT_LIMITS).push(head, {
    head: ({ fields, bodyLength }) => (view = { bodyLength, ...readFields(fields) }),
    body: () => undefined,
    end: () => undefined,
    fault: () => undefined,
  });
  if (!view) throw new Error("not accepted");
  return view;
}

function readFields(fields: HttpRequest["fields"]): Omit<PolicyView, "bodyLength"> {
  const text = (kind: number): string => {
    const at = fields.find(kind);
    return at < 0 ? "" : fields.text(at);
  };
  const headers: [string, string][] = [];
  for (let i = 0; i < fields.count; i++)
    if (fields.kind[i] === HttpField.headerName) headers.push([fields.text(i), fields.text(i + 1)]);
  return {
    method: text(HttpField.method),
    target: text(HttpField.path),
    host: text(HttpField.host),
    headers,
  };
}

/** A place in a stream as the body word of the record says it; all bits set where it cannot. */
export function wordOf(framing: Framing): bigint {
  if (framing.at === "between") return 0n;
  if (framing.at === "other" || framing.at === "kept") return (1n << 64n) - 1n;
  return BigInt(framing.remaining) | (framing.at === "chunk" ? 1n << BigInt(BodyKind.chunkedBit) : 0n);
}
