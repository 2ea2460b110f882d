// SPDX-License-Identifier: Apache-2.0
import { MemcachedField } from "../fields.js";
import type { Fault } from "../protocol.js";
import { faultOf } from "./faults.js";
import {
  binaryAnswer,
  binaryExpectation,
  HEADER,
  KEY_MAX,
  Layout,
  Magic,
  OPCODES,
  Status,
  VALUE_MAX,
  word,
} from "./frames.js";
import type { MemcachedRequest } from "./request.js";

/**
 * Reads the binary request at `at` into `request`; a whole header is there. Lengths are held to what memcached reads:
 * where it would leave body bytes behind to be run as the next request, the connection ends.
 * @returns bytes of header, extras and key; a fault when the connection cannot go on
 */
export function readBinary(request: MemcachedRequest, bytes: Uint8Array, at: number): number | Fault {
  const opcode = bytes[at + 1] ?? 0;
  const key = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
  const extras = bytes[at + 4] ?? 0;
  const body = word(bytes, at + 8);
  const opaque = word(bytes, at + 12);
  request.reset(bytes, at, at + HEADER);
  request.binary = true;
  request.opcode = opcode;
  request.opaque = opaque;
  request.expectation = binaryExpectation(opcode, opaque);
  if (bytes[at] !== Magic.request) return faultOf("text-in-binary");
  if (key + extras > body)
    return faultOf("bad-lengths", binaryAnswer(opcode, opaque, Status.unknown, "Unknown command"));
  if (body > VALUE_MAX)
    return faultOf("value-too-large", binaryAnswer(opcode, opaque, Status.tooLarge, "Too large."));
  const known = OPCODES[opcode];
  if (!known) {
    // memcached swallows more than the body when there are extras or a key; the service never sees these.
    request.value = body;
    request.refuse(binaryAnswer(opcode, opaque, Status.unknown, "Unknown command"), Status.unknown);
    return HEADER;
  }
  if (key > KEY_MAX || !fits(known.layout, extras, key, body))
    return faultOf("bad-lengths", binaryAnswer(opcode, opaque, Status.invalid, "Invalid arguments"));
  request.group = known.group;
  request.answered = !known.quiet;
  request.mayAnswer = known.quiet;
  request.last = known.last;
  request.value = body - extras - key;
  return HEADER + extras + key;
}

/** Names the command and its key for policy, once they are all there. */
export function readBinaryFields(
  request: MemcachedRequest,
  bytes: Uint8Array,
  at: number,
  end: number,
): void {
  request.bytes = bytes.subarray(at, end);
  const known = OPCODES[request.opcode];
  if (!known || request.refusal) return;
  request.startScratch();
  request.addCopy(MemcachedField.command, known.name, 0, known.name.length);
  if (known.keyed && known.layout !== Layout.flush)
    request.addCopy(MemcachedField.key, bytes, at + HEADER + (bytes[at + 4] ?? 0), end);
}

function fits(layout: Layout, extras: number, key: number, body: number): boolean {
  const whole = body === extras + key;
  switch (layout) {
    case Layout.bare:
      return body === 0;
    case Layout.key:
      return extras === 0 && key > 0 && whole;
    case Layout.optionalKey:
      return extras === 0 && whole;
    case Layout.storage:
      return extras === 8 && key > 0;
    case Layout.append:
      return extras === 0 && key > 0;
    case Layout.counter:
      return extras === 20 && key > 0 && whole;
    case Layout.touch:
      return extras === 4 && key > 0 && whole;
    case Layout.flush:
      return key === 0 && whole && (extras === 0 || extras === 4);
  }
}
