// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { DEFAULT_LIMITS, type Limits } from "../../core/limits.js";
import type { Decoder, Message, Protocol, Request, Response, Sink } from "../../protocols/protocol.js";

/** A stream of one direction. `expectations` are what the responses of the stream answer, in order. */
export interface StreamCase {
  readonly name: string;
  readonly side: "client" | "server";
  readonly bytes: string;
  readonly expectations?: readonly number[];
  /** True when the stream ends with its connection. */
  readonly finish?: boolean;
  /** True when what is forwarded is exactly what was received. */
  readonly identity?: boolean;
  readonly limits?: Partial<Limits>;
}

const SIZES = [1, 2, 3, 5, 7, 13, 64];

/** What a decoder says of a stream: heads with their fields, bodies joined, ends and faults, in order. */
function decode(
  protocol: Protocol,
  stream: StreamCase,
  pieces: readonly Buffer[],
): { events: string[]; forwarded: string } {
  const events: string[] = [];
  const copies: string[] = [];
  const expectations = [...(stream.expectations ?? [])];
  let body = "";
  const flush = (): void => {
    if (body) events.push(`body ${body}`);
    body = "";
  };
  const keep = (bytes: Uint8Array): string => {
    const text = Buffer.from(bytes).toString("latin1");
    copies.push(text);
    return text;
  };
  const limits = { ...DEFAULT_LIMITS, ...stream.limits };
  const sink = <M extends Message>(describe: (message: M) => string, ended: () => void): Sink<M> => ({
    head(message) {
      flush();
      events.push(`head ${keep(message.bytes)} ${describe(message)}`);
    },
    body(bytes) {
      body += keep(bytes);
    },
    end() {
      flush();
      events.push("end");
      ended();
    },
    fault(fault) {
      body = ""; // how much of a broken body came before its fault depends on the pieces
      events.push(`fault ${fault.reason} ${Buffer.from(fault.reply).toString("latin1")}`);
    },
  });
  const run = <M extends Message>(decoder: Decoder<M>, to: Sink<M>): void => {
    for (const piece of pieces) {
      const lent = Buffer.from(piece);
      decoder.push(lent, to);
      lent.fill(0x21); // the chunk's memory is the caller's again
    }
    if (stream.finish) decoder.finish(to);
    flush();
  };
  if (stream.side === "client")
    run(
      protocol.requests(limits),
      sink<Request>(
        (request) => {
          const spans = Array.from(
            { length: request.fields.count },
            (_, i) => `${request.fields.kind[i]}=${request.fields.text(i)}`,
          );
          return [...spans, request.last, request.upgrade, request.expectation, request.answered].join("|");
        },
        () => {},
      ),
    );
  else {
    let final = true;
    run(
      protocol.responses(limits, () => expectations[0]),
      sink<Response>(
        (response) => {
          ({ final } = response);
          return [response.status, response.last, response.final, response.tunnel].join("|");
        },
        () => void (final && expectations.shift()),
      ),
    );
  }
  // How much of a broken message was passed on before its fault showed depends on the pieces.
  return { events, forwarded: events.some((event) => event.startsWith("fault")) ? "" : copies.join("") };
}

/** What the codec of every protocol must do. */
export function protocolSuite(protocol: Protocol, streams: readonly StreamCase[]): void {
  describe(`protocol ${protocol.name}`, () => {
    describe.each(streams.map((stream) => [stream.name, stream] as const))("%s", (_name, stream) => {
      const bytes = Buffer.from(stream.bytes, "latin1");
      const whole = decode(protocol, stream, [bytes]);

      test("says something of it", () => {
        expect(whole.events).not.toHaveLength(0);
        if (stream.identity) expect(whole.forwarded).toBe(stream.bytes);
      });

      test("is read the same at every split, and in pieces of every size", () => {
        for (let at = 1; at < bytes.length; at++)
          expect(decode(protocol, stream, [bytes.subarray(0, at), bytes.subarray(at)])).toEqual(whole);
        for (const size of SIZES) {
          const pieces: Buffer[] = [];
          for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
          expect(decode(protocol, stream, pieces)).toEqual(whole);
        }
      });
    });

    test("never throws, on whatever bytes, in whatever pieces", () => {
      const seed = Math.floor(Math.random() * 2 ** 31);
      const piece = fc.oneof(
        fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
        fc.constantFrom(...streams).map((stream) => Buffer.from(stream.bytes, "latin1")),
      );
      fc.assert(
        fc.property(
          fc.array(piece, { maxLength: 6 }),
          fc.constantFrom("client" as const, "server" as const),
          (pieces, side) => {
            decode(
              protocol,
              {
                name: "random",
                side,
                bytes: "",
                expectations: [0, 1, 0],
                finish: true,
                limits: { headBytes: 200, headerCount: 4 },
              },
              pieces,
            );
          },
        ),
        { seed, numRuns: process.env.SOAK ? 1_000_000 : 5000 },
      );
    });
  });
}
