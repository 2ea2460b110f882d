// SPDX-License-Identifier: Apache-2.0
import { beforeEach, expect, test } from "@jest/globals";
import { RecordFlag } from "../../../sockmap/abi.js";
import type { Table } from "../../../sockmap/engine.js";
import { RECORD_WORDS, wordOf } from "../../../sockmap/records.js";
import { RecordFlags } from "../../../sockmap/flags.js";
import { KernelRoom } from "../../../sockmap/room.js";
import type { BpfMap } from "../../../sockmap/map.js";
import type { Slots } from "../../../sockmap/slots.js";
import { KernelSplice } from "../../../sockmap/splice.js";
import type { Wakes } from "../../../sockmap/wakes.js";

const table = (id: string): Table => ({ id, bytes: new Uint8Array(), kernel: true, rules: 0 });
const TABLES = { requests: table("requests"), responses: table("responses") };

let words: Uint32Array;
let splice: KernelSplice;
let room: KernelRoom;
let users: number;
let waiting: number;

beforeEach(() => {
  words = new Uint32Array(2 * RECORD_WORDS);
  users = waiting = 0;
  const slots = { acquire: () => ++users, release: () => users-- } as unknown as Slots;
  const wakes = { interested: (change: number) => (waiting += change) } as unknown as Wakes;
  const flags = new RecordFlags(words, wakes, 1);
  splice = new KernelSplice(words, slots, flags, 1);
  room = new KernelRoom(words, flags, "r", 1, 8, {} as BpfMap);
});

const word = (field: string): number => words[RECORD_WORDS + wordOf(field)] ?? 0;

test("a policy that comes after the kernel was stopped does not start it again", () => {
  splice.judge(TABLES);
  expect(word("flags")).toBe(RecordFlag.on);
  splice.stop();
  splice.judge(TABLES);
  expect(word("flags") & RecordFlag.on).toBe(0);
  expect(users).toBe(0);
});

test("a change of policy keeps what is waited for", () => {
  splice.judge(TABLES);
  words[RECORD_WORDS + wordOf("fast_b")] = 5;
  expect(room.available()).toBe(true);
  words[RECORD_WORDS + wordOf("injected_r")] = 3;
  expect(room.available()).toBe(false);
  splice.holdResponses(true);
  const awaited = RecordFlag.awaitsReadA | RecordFlag.responsesSlow;
  splice.judge({ requests: undefined, responses: undefined });
  expect(word("flags")).toBe(RecordFlag.on | RecordFlag.opaque | awaited);
  splice.stop();
  expect(word("flags")).toBe(awaited);
  words[RECORD_WORDS + wordOf("read_a")] = 1;
  expect(room.available()).toBe(true);
  splice.close();
  expect([word("flags"), waiting, users]).toEqual([0, 0, 0]);
});

test.each([0, 1, 2 ** 40 + 7, -1, -1 - 9, -1 - (2 ** 33 + 1)])("framing %p survives the record", (body) => {
  splice.handBack("r", 4_000_000_000, body);
  expect(splice.body("r")).toBe(body);
  expect(word("in_r")).toBe(4_000_000_000);
});
