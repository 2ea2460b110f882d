// SPDX-License-Identifier: Apache-2.0
import { MemcachedField } from "../fields.js";
import { decodeBase64 } from "./base64.js";
import { equals, findCommand, Form, type Command } from "./commands.js";
import { Words, type FaultReason } from "./faults.js";
import { CR, Expectation, KEY_MAX, META_TOKENS_MAX, SP, Status, TOKENS_MAX, VALUE_MAX } from "./frames.js";
import { classify, decimal, Number10 } from "./number.js";
import type { MemcachedRequest } from "./request.js";

const NOREPLY = Buffer.from("noreply");
const AUTOMOVE = Buffer.from("automove");
const METADUMP = Buffer.from("metadump");
const MGDUMP = Buffer.from("mgdump");
const TOUCH = Buffer.from("touch");
const ADD = Buffer.from("add");
const B = 0x62;
const Q = 0x71;
const T = 0x54;
const N = 0x4e;
const SILENT = new Uint8Array(0);

/** Reads lines of the text and meta protocols the way memcached 1.6 does: spaces only, case-sensitive, 23 tokens. */
export class TextReader {
  private readonly start = new Int32Array(TOKENS_MAX);
  private readonly end = new Int32Array(TOKENS_MAX);
  /** All tokens of the line, also those that have no place in the arrays. */
  private count = 0;
  private lineEnd = 0;

  /**
   * Reads the line at bytes [from, to), `to` behind its LF, into the request.
   * @returns why the connection cannot go on
   */
  read(request: MemcachedRequest, bytes: Uint8Array, from: number, to: number): FaultReason | undefined {
    request.reset(bytes, from, to);
    this.lineEnd = to - 1;
    if (this.lineEnd - from > 1 && bytes[this.lineEnd - 1] === CR) this.lineEnd--;
    const { lineEnd } = this;
    let nameStart = from;
    while (nameStart < lineEnd && bytes[nameStart] === SP) nameStart++;
    let nameEnd = nameStart;
    while (nameEnd < lineEnd && bytes[nameEnd] !== SP) nameEnd++;
    const command = nameStart === nameEnd ? undefined : findCommand(bytes, nameStart, nameEnd);
    // Lookups are the most common of all, and their keys as many as one likes: one pass over them is enough.
    if (command?.form === Form.keys) return this.readLookup(request, bytes, command, nameStart, nameEnd);
    if (!this.split(bytes, from)) return "nul-in-command";
    if (!command || this.count < command.least || this.count > command.most) {
      refuse(request, command?.form === Form.metaDebug ? Words.format : Words.error);
      return undefined;
    }
    request.expectation = command.expectation;
    request.last = command.last;
    request.group = command.group;
    request.answered = !command.last && !(command.noreply && this.noreply(bytes, command));
    request.fields.add(MemcachedField.command, nameStart, nameEnd);
    return this.readForm(request, bytes, command);
  }

  private readLookup(
    request: MemcachedRequest,
    bytes: Uint8Array,
    { expectation, group }: Command,
    nameStart: number,
    nameEnd: number,
  ): FaultReason | undefined {
    request.fields.add(MemcachedField.command, nameStart, nameEnd);
    const fault = this.readKeys(request, bytes, nameEnd);
    if (fault) return fault;
    if (!request.refusal && request.fields.count === 1) refuse(request, Words.error);
    else {
      request.expectation = expectation;
      request.group = group;
    }
    return undefined;
  }

  /** Finds the tokens; false when there is a NUL. */
  private split(bytes: Uint8Array, from: number): boolean {
    const { lineEnd } = this;
    let count = 0;
    for (let at = from; at < lineEnd; at++) {
      if (bytes[at] === SP) continue;
      const start = at;
      for (let byte = bytes[at]; at < lineEnd && byte !== SP; byte = bytes[++at])
        if (byte === 0) return false;
      if (count < TOKENS_MAX) {
        this.start[count] = start;
        this.end[count] = at;
      }
      count++;
    }
    this.count = count;
    return true;
  }

  private noreply(bytes: Uint8Array, { form }: Command): boolean {
    if (form === Form.delete && this.count < 3) return false;
    if (form === Form.slabs && !(this.count >= 3 && this.is(bytes, 1, AUTOMOVE))) return false;
    return this.is(bytes, Math.min(this.count, TOKENS_MAX) - 1, NOREPLY);
  }

  private is(bytes: Uint8Array, token: number, word: Uint8Array): boolean {
    return equals(bytes, this.start[token] ?? 0, this.end[token] ?? 0, word);
  }

  private readForm(
    request: MemcachedRequest,
    bytes: Uint8Array,
    { form, most }: Command,
  ): FaultReason | undefined {
    switch (form) {
      case Form.touchKeys:
        return this.readKeys(request, bytes, this.end[1] ?? 0);
      case Form.storage:
        return this.readStorage(request, bytes, most === 7);
      case Form.delete:
        if (this.readKey(request) && this.count > 2 && !this.isDelete(bytes, request.answered))
          refuse(request, Words.delete);
        break;
      case Form.key:
        this.readKey(request);
        break;
      case Form.crawler:
        if (this.count > 1 && (this.is(bytes, 1, METADUMP) || this.is(bytes, 1, MGDUMP)))
          refuse(request, Words.dump);
        break;
      case Form.watch:
        refuse(request, Words.watch);
        break;
      case Form.meta:
      case Form.metaSet:
      case Form.metaDebug:
        return this.readMeta(request, bytes, form);
      default:
    }
    return undefined;
  }

  /** `delete key [0] [noreply]`. */
  private isDelete(bytes: Uint8Array, answered: boolean): boolean {
    const start = this.start[2] ?? 0;
    const zero = (this.end[2] ?? 0) === start + 1 && bytes[start] === 0x30;
    return this.count === 3 ? zero || !answered : zero && !answered;
  }

  /** Every token from `from` on is a key. */
  private readKeys(request: MemcachedRequest, bytes: Uint8Array, from: number): FaultReason | undefined {
    const { lineEnd } = this;
    const { fields } = request;
    let long = false;
    for (let at = from; at < lineEnd; at++) {
      if (bytes[at] === SP) continue;
      const start = at;
      for (let byte = bytes[at]; at < lineEnd && byte !== SP; byte = bytes[++at])
        if (byte === 0) return "nul-in-command";
      long ||= at - start > KEY_MAX;
      fields.add(MemcachedField.key, start, at);
    }
    if (long) refuse(request, Words.format);
    return undefined;
  }

  /** Token 1 is the key; false when it is too long. */
  private readKey(request: MemcachedRequest): boolean {
    const start = this.start[1] ?? 0;
    const end = this.end[1] ?? 0;
    if (end - start > KEY_MAX) {
      refuse(request, Words.format);
      return false;
    }
    request.fields.add(MemcachedField.key, start, end);
    return true;
  }

  private readStorage(request: MemcachedRequest, bytes: Uint8Array, cas: boolean): FaultReason | undefined {
    if (!this.readKey(request)) return undefined;
    let worst = Math.max(this.number(bytes, 2, 19, false), this.number(bytes, 3, 18, true));
    worst = Math.max(worst, this.number(bytes, 4, 10, false));
    if (cas) worst = Math.max(worst, this.number(bytes, 5, 19, false));
    return this.readLength(request, bytes, 4, worst);
  }

  /** Class of a token as a number. */
  private number(bytes: Uint8Array, token: number, digits: number, negative: boolean): number {
    return classify(bytes, this.start[token] ?? 0, this.end[token] ?? 0, digits, negative);
  }

  /** A command whose length is refused has no value: what follows is read as commands, as memcached does. */
  private readLength(
    request: MemcachedRequest,
    bytes: Uint8Array,
    token: number,
    worst: number,
  ): FaultReason | undefined {
    if (worst === Number10.unsure) return "ambiguous-number";
    if (worst === Number10.bad) {
      refuse(request, Words.format);
      return undefined;
    }
    const length = decimal(bytes, this.start[token] ?? 0, this.end[token] ?? 0);
    if (length > VALUE_MAX) return "value-too-large";
    request.value = length + 2;
    return undefined;
  }

  private readMeta(request: MemcachedRequest, bytes: Uint8Array, form: Form): FaultReason | undefined {
    const key = this.start[1] ?? 0;
    const keyEnd = this.end[1] ?? 0;
    const set = form === Form.metaSet;
    if (keyEnd - key > KEY_MAX || (set && this.count === 2)) {
      refuse(request, Words.format);
      return undefined;
    }
    if (form !== Form.metaDebug && this.count > META_TOKENS_MAX) {
      refuse(request, Words.flags);
      return undefined;
    }
    if (set) {
      const fault = this.readLength(request, bytes, 2, this.number(bytes, 2, 10, false));
      if (fault || request.refusal) return fault;
    }
    return this.readFlags(request, bytes, form);
  }

  private readFlags(request: MemcachedRequest, bytes: Uint8Array, form: Form): FaultReason | undefined {
    const get = bytes[(this.start[0] ?? 0) + 1] === 0x67 && form === Form.meta;
    const count = Math.min(this.count, TOKENS_MAX);
    let encoded = false;
    let plain = true;
    let quiet = false;
    let touch = false;
    let vivify = false;
    for (let i = form === Form.metaSet ? 3 : 2; i < count; i++) {
      const start = this.start[i] ?? 0;
      const flag = bytes[start];
      if (flag === B) {
        encoded = true;
        // `me` takes the flag only where it stands first, and by itself.
        plain &&= this.end[i] === start + 1 && (form !== Form.metaDebug || i === 2);
      } else if (flag === Q) quiet = form !== Form.metaDebug;
      else if (flag === T) touch = get;
      else if (flag === N) vivify = get;
    }
    if (quiet) request.expectation = Expectation.quiet;
    const key = this.start[1] ?? 0;
    const keyEnd = this.end[1] ?? 0;
    if (!encoded && !touch && !vivify) {
      request.fields.add(MemcachedField.key, key, keyEnd);
      return undefined;
    }
    request.startScratch();
    request.addCopy(MemcachedField.command, bytes, this.start[0] ?? 0, this.end[0] ?? 0);
    if (touch) request.addCopy(MemcachedField.command, TOUCH, 0, TOUCH.length);
    if (vivify) request.addCopy(MemcachedField.command, ADD, 0, ADD.length);
    if (!encoded) request.addCopy(MemcachedField.key, bytes, key, keyEnd);
    else if (!plain || !request.addDecoded((into, at) => decodeBase64(bytes, key, keyEnd, into, at)))
      refuse(request, Words.key);
    return undefined;
  }
}

/** memcached's answer to a command that it would refuse too; nothing where it had been told not to answer. */
function refuse(request: MemcachedRequest, text: string): void {
  const status = text.startsWith("ERROR") ? Status.unknown : Status.invalid;
  request.refuse(request.answered ? Buffer.from(`${text}\r\n`) : SILENT, status);
}
