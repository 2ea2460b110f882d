// SPDX-License-Identifier: Apache-2.0
import type { FuzzProgram } from "./program.js";
import { RequestFuzz } from "./requests.js";
import { judgeOf, rule } from "./rules.js";

const BATCH = 1000;
/** Every byte that may mean something to a reader, a digit, and a letter of either case. */
const BYTES = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
const MARKS = BYTES.slice(0x20, 0x7f).filter((char) => !/[1-9B-Zb-z]/.test(char));

/** Heads of all kinds that the kernel allows, one of each shape: what real servers are asked about. */
export class HeadSample {
  /** By shape. */
  readonly heads = new Map<string, Buffer>();

  constructor(
    private readonly program: FuzzProgram,
    readonly seed: number,
  ) {}

  /** Adds what the kernel allows of all single bytes, and all pairs of marks, in each part of a head. */
  addEveryByte(): void {
    const pairs = MARKS.flatMap((one) => MARKS.map((other) => one + other));
    const head = (target: string, line: string): string => `GET ${target} HTTP/1.1\r\n${line}\r\n\r\n`;
    const heads = [
      ...[...BYTES, ...pairs].flatMap((text) =>
        [`/${text}`, `/a${text}b`, `/a/${text}/b?x`].map((target) => head(target, "Host: a.test")),
      ),
      ...[...BYTES, ...pairs].map((text) => head(`/a?b${text}c`, "Host: a.test")),
      ...[...BYTES, ...pairs].flatMap((text) => [
        head("/", `Host: a${text}b`),
        head("/", `Host: a\r\nX-Token: ${text}`),
        head("/", `Host: a\r\nX-Token${text}: b`),
      ]),
      ...BYTES.map((text) => head("/", `Host: ${text}`)),
      ...BYTES.map((text) => `G${text}T / HTTP/1.1\r\nHost: a\r\n\r\n`),
    ];
    const fuzz = new RequestFuzz(this.program, this.seed);
    // Each of these is a shape of its own.
    fuzz.onAllowed = (raw) => void this.heads.set(raw.toString("latin1"), Buffer.from(raw));
    const everything = judgeOf([rule({})]);
    for (let at = 0; at < heads.length; at += BATCH)
      fuzz.judge(
        everything,
        heads.slice(at, at + BATCH).map((text) => Buffer.from(text, "latin1")),
      );
    this.check(fuzz);
  }

  /** Adds random heads until there are so many in all. */
  addRandom(until: number): void {
    const fuzz = new RequestFuzz(this.program, this.seed);
    fuzz.onAllowed = (raw) => {
      const shape = raw
        .toString("latin1")
        .replace(/[a-z]+/g, "a")
        .replace(/[A-Z]+/g, "A")
        .replace(/[0-9]+/g, "0");
      if (this.heads.size < until && !this.heads.has(shape)) this.heads.set(shape, Buffer.from(raw));
    };
    while (this.heads.size < until) fuzz.run(BATCH);
    this.check(fuzz);
  }

  private check(fuzz: RequestFuzz): void {
    if (fuzz.disagreements.length > 0) throw new Error(fuzz.disagreements.join("\n"));
  }
}
