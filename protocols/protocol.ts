// SPDX-License-Identifier: Apache-2.0
import type { Limits } from "../core/limits.js";
import type { FieldSpans } from "./fields.js";

/**
 * One message of a protocol as the proxy handles it. `bytes` is the head as it is to be forwarded: the received bytes
 * themselves when they are canonical already, else re-emitted ones. A message object may be reused by its decoder for
 * the next message: read it inside the sink's call, copy what must outlive it. The byte views are valid until `push`
 * returns.
 */
export interface Message {
  readonly bytes: Uint8Array;
  /** No further message follows in this direction on this connection (HTTP `Connection: close`, 1.0 without keep-alive). */
  readonly last: boolean;
}

/** A request: what the client sends. */
export interface Request extends Message {
  readonly fields: FieldSpans;
  /** Asks to leave the protocol (HTTP Upgrade, CONNECT); forwarded only where a rule names it. */
  readonly upgrade: boolean;
  /**
   * What the response decoder must remember of this request to frame its answer (e.g. HEAD); protocol's own number, but
   * for what {@link Expected} says of the first two.
   */
  readonly expectation: number;
  /** False for requests that get no answer (memcached noreply), or none that anybody counts on. */
  readonly answered: boolean;
  /** Position in the protocol's `groups`. */
  readonly group?: number;
  /** Set when such a request may be answered all the same (memcached quiet requests). */
  readonly mayAnswer?: boolean;
  /**
   * Set when the decoder itself refuses this one request and the connection lives on: it is neither judged nor
   * forwarded, body included, and counts as malformed. The answer takes its place in order; empty means none.
   */
  readonly refusal?: Denial | undefined;
  /**
   * Leaves parts of the request out, by the indexes of their spans: `bytes` and `fields` are as if they had not been there.
   * False when nothing would be left. Missing where requests have no such parts.
   */
  omit?(spans: readonly number[]): boolean;
}

/** Expectations that the proxy shares with the kernel; all others are framed in TypeScript only. */
export const Expected = {
  /** The framing that most answers of the protocol have. */
  ordinary: 0,
  /** The one other framing whose request the kernel remembers (HTTP HEAD). */
  marked: 1,
} as const;

/** A response: what the service sends. */
export interface Response extends Message {
  /**
   * False for interim answers (HTTP 1xx): another response to the same request follows. Also for answers that no
   * request waits for (memcached quiet commands): forwarded, they end no exchange.
   */
  readonly final: boolean;
  /** From here on both directions are opaque bytes (HTTP 101, CONNECT 2xx). */
  readonly tunnel: boolean;
  /** Status as the protocol counts it (HTTP 200; 0 where there is none), for logs and counters. */
  readonly status: number;
}

/** Why a decoder refuses its input. Nothing after a fault is read. */
export interface Fault {
  /** Short machine name, e.g. `duplicate-host`; documented beside each decoder. */
  readonly reason: string;
  /** True when a limit was exceeded rather than a rule of the protocol broken. */
  readonly limit: boolean;
  /** Answer in the protocol's own words, to be sent before closing; empty where the protocol has none. */
  readonly reply: Uint8Array;
  /** As that of a {@link Denial}: answers that nobody counts may still be on their way. */
  readonly barrier?: Barrier | undefined;
}

/**
 * Receives what a decoder finds, in the order of the bytes, synchronously inside `push`.
 * For each message: one `head`, any number of `body` (bytes as they are to be forwarded, framing included), one `end`.
 */
export interface Sink<M extends Message> {
  head(message: M): void;
  body(bytes: Uint8Array): void;
  end(): void;
  fault(fault: Fault): void;
}

/**
 * Where a direction's parser stands, for handing the stream to the kernel and back.
 * `between`: before the next message. `body`: that many bytes of the current message's body are still to come.
 * `chunk`: that many bytes of the current chunk of a body and its line end are still to come, 0 before a size line
 * (memcached: of a value in an answer, 0 before a `VALUE` or `END` line).
 * `kept`: before the next message, in a form that the kernel does not read; the stream must stay where it is.
 * `other`: a state that cannot be expressed (half a head, a size line); the stream must stay where it is.
 */
export type Framing =
  | { readonly at: "between" }
  | { readonly at: "body"; readonly remaining: number }
  | { readonly at: "chunk"; readonly remaining: number }
  | { readonly at: "kept" }
  | { readonly at: "other" };

/** Incremental, bounded, sans-I/O decoder of one direction. Never throws on any input. */
export interface Decoder<M extends Message> {
  /**
   * Feeds bytes; the sink is called for all that they complete. After a fault, further bytes are ignored. The chunk's
   * memory is the caller's again afterwards (all sockets read into one buffer): what the decoder keeps, it copies.
   */
  push(chunk: Uint8Array, sink: Sink<M>): void;
  /** The peer has finished sending. Ends a message that is delimited by EOF; a fault when one is cut short. */
  finish(sink: Sink<M>): void;
  /** Where the parser stands after all pushed bytes. */
  framing(): Framing;
  /** Puts the parser there, with no partial input. `moved`: the kernel has moved messages of this stream at some time. */
  resume(framing: Framing, moved?: boolean): void;
  /** Opaque bytes from here on: every pushed chunk is a `body`. */
  tunnel(): void;
}

/** Tells a response decoder what the next response answers: the `expectation` of the oldest request that awaits one. */
export type NextExpectation = () => number | undefined;

/** Why a request is refused by policy. `missing`: it is to look as if there were nothing to find. */
export type DenyReason = "policy" | "missing" | "upgrade" | "unavailable" | "timeout" | "limit";

/** A request of the sidecar's own that the service answers after everything before it. */
export interface Barrier {
  readonly bytes: Uint8Array;
  readonly expectation: number;
}

/** What is done to a named field of a request: one more with this value, none with another, or only one with this. */
export interface FieldChange {
  readonly kind: "ADD" | "DELETE" | "REPLACE";
  readonly name: string;
  readonly value: string;
}

/** An answer made by the sidecar in the protocol's own words. */
export interface Denial {
  readonly bytes: Uint8Array;
  /** Status for logs and counters (HTTP 403). */
  readonly status: number;
  /** The connection must be closed after these bytes. */
  readonly close: boolean;
  /**
   * Set when answers that nobody counts (memcached quiet commands) may still be on their way: `bytes` go to the service
   * in place of the refused request, and the response to `expectation`, instead of being forwarded, is where this
   * denial belongs.
   */
  readonly barrier?: Barrier | undefined;
}

/** A protocol that sockmesh inspects. Stateless; decoders hold the state of one direction of one connection. */
export interface Protocol<Req extends Request = Request, Res extends Response = Response> {
  /** As rules and logs name it, e.g. `http`. */
  readonly name: string;
  /** Groups of requests that are counted apart; the last one is for all others. Missing where none are. */
  readonly groups?: readonly string[];
  /** Decoder of what the client sends. */
  requests(limits: Limits): Decoder<Req>;
  /** Decoder of what the service sends; `next` gives the expectation of the request that the next response answers. */
  responses(limits: Limits, next: NextExpectation): Decoder<Res>;
  /** The refusal of one request; `close` is set where the request's framing does not let the connection live on. */
  deny(request: Req, reason: DenyReason): Denial;
  /** The answer to a forwarded request, known by its expectation, that the service cannot give; always closes. */
  fail(expectation: number, reason: DenyReason): Denial;
  /**
   * The head of a request as it is to be forwarded, with some of its fields changed. Missing where requests have none that
   * a rule may change. Names and values are such that the parser has checked.
   */
  edit?(request: Req, changes: readonly FieldChange[]): Uint8Array;
  /** Text of a request for logs, e.g. `GET /x`; never called on the hot path unless logging is on. */
  describe(request: Req): string;
}
