// SPDX-License-Identifier: Apache-2.0
import { crc32 } from "node:zlib";

/** One request of a plan, and the answer that must come. */
export interface Call {
  readonly method: string;
  readonly path: string;
  /** Value of X-Customer, which the rule for orders wants. */
  readonly customer?: string;
  /** Bytes of the request's body. */
  readonly size?: number;
  readonly status: number;
  readonly answer: string;
}

/** Who may do what: two paths by method and pattern, one by a header too. */
export const RULES = [
  '{ method: "GET|HEAD", path: "/items/[0-9]+" }',
  '{ method: GET, path: "/streamed/[0-9]+" }',
  '{ method: POST, path: /orders, headers: ["X-Customer: ann"] }',
].join(", ");

/** The body of an item or a stream. */
export const text = (size: number): string => "0123456789".repeat(size / 10 + 1).slice(0, size);

const DENIED = { status: 403, answer: "Access denied\r\n" };
const get = (size: number): Call => ({
  method: "GET",
  path: `/items/${size}`,
  status: 200,
  answer: text(size),
});
const order = (size: number): Call => ({
  method: "POST",
  path: "/orders",
  customer: "ann",
  size,
  status: 200,
  answer: `ordered ${size}\n`,
});
const head: Call = { method: "HEAD", path: "/items/100", status: 200, answer: "" };
const denied: readonly Call[] = [
  { method: "GET", path: "/admin", ...DENIED },
  { method: "DELETE", path: "/items/100", ...DENIED },
  { method: "POST", path: "/orders", customer: "bob", size: 200, ...DENIED },
];
const small = (count: number): Call[] => Array.from({ length: count }, () => get(100));

/** A thousand requests that are allowed, in rounds of twenty, and one that is denied in every fifth round. */
export const MIX: readonly Call[] = Array.from({ length: 50 }, (_, round) => [
  ...small(5),
  order(200),
  get(10_000),
  head,
  ...small(5),
  ...(round % 5 === 4 ? [denied[((round - 4) / 5) % denied.length] ?? head] : []),
  ...small(3),
  order(50_000),
  get(100_000),
  ...small(2),
]).flat();

/** Requests whose answers come without a length. */
export const STREAMS: readonly Call[] = Array.from({ length: 200 }, (_, i): Call => {
  const size = i % 5 === 0 ? 10_000 : 300;
  return { method: "GET", path: `/streamed/${size}`, status: 200, answer: text(size) };
});

/** A plan as the clients of this folder read it. */
export function planText(plan: readonly Call[]): string {
  return plan
    .map(({ method, path, customer = "-", size = "-", status, answer }) =>
      [method, path, customer, size, status, answer.length].join(" "),
    )
    .join("\n")
    .concat("\n");
}

/** What a client prints of an answer, and what it should have printed. */
export const shown = (status: number, body: string): string => `${status} ${body.length} ${crc32(body)}`;
export const expected = ({ status, answer }: Call): string => shown(status, answer);
