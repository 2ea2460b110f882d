// SPDX-License-Identifier: Apache-2.0
import { outcomeName, type OutcomeName } from "../core/outcome.js";
import { INTENT, layoutOf, Level } from "./abi.js";
import type { BpfMap } from "./map.js";
import type { Accepted, ConnectingProcess, Direction, Link, LinkState, Room } from "./engine.js";
import { RecordFlags } from "./flags.js";
import type { Records } from "./records.js";
import { KernelRoom } from "./room.js";
import { addressText, peerAddress } from "./socket.js";
import type { Slots } from "./slots.js";
import { KernelSplice } from "./splice.js";
import { u32Key, type StructBytes } from "./structs.js";
import type { Wakes } from "./wakes.js";

/** What the links of one engine share. */
export interface LinkParts {
  readonly records: Records;
  /** The page of the intent, see INTENT in abi.ts. */
  readonly intent: Uint8Array;
  /** Queue of records for client legs; the kernel takes from it. */
  readonly free: BpfMap;
  /** Records for upstream legs, oldest first. */
  readonly own: number[];
  /** True when the ends of recv and send are traced: else the sidecar has to publish what it reads. */
  readonly tracing: boolean;
  readonly slots: Slots;
  readonly wakes: Wakes;
  /** The map of sockets. */
  readonly sockets: BpfMap;
  /** Most unread bytes that the sidecar lets a reader have past TCP. */
  readonly credit: number;
  /** Links by the records that they use, for wakes. */
  readonly links: Map<number, KernelLink>;
}

const OFFSET = layoutOf(INTENT).offset;
const INTENT_ADDRESS = OFFSET.client_address ?? 0;
const address = new Uint8Array(16);

/** Both legs of one connection: the client's, which the kernel paired, and the sidecar's to the service. */
export class KernelLink implements Link {
  readonly accepted: Accepted;
  readonly splice: KernelSplice | undefined;
  onWake: (() => void) | undefined;
  private readonly clientRecord: number;
  /** Of the client's record, and of that of the upstream leg: made when they are asked for. */
  private clientFlags: RecordFlags | undefined;
  private upstreamFlags: RecordFlags | undefined;
  private upstreamRecord = 0;
  private fromClient = 0;
  private fromService = 0;
  private movedBefore = 0;
  private closed = false;

  constructor(
    private readonly parts: LinkParts,
    private readonly fd: number,
    cookie: Uint8Array,
    connection: StructBytes | undefined,
    process: ConnectingProcess | undefined,
  ) {
    this.clientRecord = connection?.u32("record") ?? 0;
    const port = connection?.u32("original_port") ?? 0;
    this.accepted = {
      cookie: new DataView(cookie.buffer, cookie.byteOffset).getBigUint64(0, true),
      clientEndpoint: connection?.u32("client_endpoint") ?? 0,
      serviceEndpoint: connection?.u32("service_endpoint") ?? 0,
      original:
        connection && port
          ? { address: addressText(connection.address("original_address")), port }
          : undefined,
      process,
      outcome: (connection ? outcomeName(connection.u32("outcome")) : undefined) ?? "off:no-peer",
    };
    if (this.accepted.outcome !== "splice") return;
    this.clientFlags = this.flagsOf(this.clientRecord);
    this.splice = new KernelSplice(parts.records.words, parts.slots, this.clientFlags, this.clientRecord);
  }

  room(direction: Direction): Room | undefined {
    const record = direction === "r" || this.splice ? this.clientRecord : this.upstreamRecord;
    if (!record || this.closed || !this.parts.tracing) return undefined;
    const { records, credit, sockets } = this.parts;
    const flags =
      record === this.clientRecord
        ? (this.clientFlags ??= this.flagsOf(record))
        : (this.upstreamFlags ??= this.flagsOf(record));
    return new KernelRoom(records.words, flags, direction, record, credit, sockets);
  }

  private flagsOf(record: number): RecordFlags {
    const { records, wakes, links } = this.parts;
    links.set(record, this);
    return new RecordFlags(records.words, wakes, record);
  }

  beforeConnect(): void {
    if (this.closed) return;
    const { intent, records, own } = this.parts;
    let record = this.clientRecord;
    let generation = records.generation(record);
    if (!this.splice) {
      record = this.upstreamRecord ||= own.shift() ?? 0;
      generation = records.begin(record);
    }
    const level = this.splice ? Level.splice : this.clientRecord ? Level.shortcut : Level.off;
    const words = new DataView(intent.buffer, intent.byteOffset);
    const port = peerAddress(this.fd, address);
    intent.set(address, INTENT_ADDRESS);
    words.setUint32(OFFSET.client_port ?? 0, port, true);
    words.setUint32(OFFSET.level ?? 0, level, true);
    words.setUint32(OFFSET.generation ?? 0, generation, true);
    // The record last: it is what makes the intent valid.
    words.setUint32(OFFSET.record ?? 0, record, true);
  }

  connected(): OutcomeName {
    const { records } = this.parts;
    if (this.splice) return records.paired(this.clientRecord) ? "splice" : "unspliced:no-pair";
    if (this.closed || !this.upstreamRecord) return "off:no-record";
    if (records.paired(this.upstreamRecord)) return "shortcut";
    return this.accepted.outcome === "off" ? "off" : "off:no-peer";
  }

  readFromClient(bytes: number): void {
    this.fromClient += bytes;
    if (!this.parts.tracing && this.clientRecord && !this.closed && !this.splice)
      this.parts.records.readByB(this.clientRecord, this.fromClient);
  }

  readFromService(bytes: number): void {
    this.fromService += bytes;
    if (!this.parts.tracing && this.upstreamRecord && !this.closed)
      this.parts.records.readByA(this.upstreamRecord, this.fromService);
  }

  state(): LinkState {
    const requests = this.splice && !this.closed ? this.splice.requests() : 0;
    return { kernelBytes: this.closed ? this.movedBefore : this.moved(), requests };
  }

  close(): void {
    if (this.closed) return;
    this.movedBefore = this.moved();
    this.closed = true;
    const { records, free, own, links } = this.parts;
    this.splice?.close();
    this.clientFlags?.clear();
    this.upstreamFlags?.clear();
    links.delete(this.clientRecord);
    links.delete(this.upstreamRecord);
    if (this.clientRecord) {
      records.retire(this.clientRecord);
      try {
        free.update(null, u32Key(this.clientRecord));
      } catch {
        // The engine has stopped: nobody takes records any more.
      }
    }
    if (this.upstreamRecord) {
      records.retire(this.upstreamRecord);
      own.push(this.upstreamRecord);
    }
  }

  private moved(): number {
    const { records } = this.parts;
    return (
      (this.clientRecord ? records.moved(this.clientRecord) : 0) +
      (this.upstreamRecord ? records.moved(this.upstreamRecord) : 0)
    );
  }
}
