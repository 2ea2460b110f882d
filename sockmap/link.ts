// SPDX-License-Identifier: Apache-2.0
import { outcomeName, type OutcomeName } from "../core/outcome.js";
import { INTENT, layoutOf, Level } from "./abi.js";
import type { BpfMap } from "./driver.js";
import type { Accepted, Link, LinkState } from "./engine.js";
import type { Records } from "./records.js";
import { addressText, peerAddress } from "./socket.js";
import { u32Key, type StructBytes } from "./structs.js";

/** What the links of one engine share. */
export interface LinkParts {
  readonly records: Records;
  /** The page of the intent, see INTENT in abi.ts. */
  readonly intent: Uint8Array;
  /** Queue of records for client legs; the kernel takes from it. */
  readonly free: BpfMap;
  /** Records for upstream legs, oldest first. */
  readonly own: number[];
  /** True when the sidecar has to publish what it reads. */
  readonly publishes: boolean;
}

const OFFSET = layoutOf(INTENT).offset;
const INTENT_ADDRESS = OFFSET.client_address ?? 0;
const address = new Uint8Array(16);

/** Both legs of one connection: the client's, which the kernel paired, and the sidecar's to the service. */
export class KernelLink implements Link {
  readonly accepted: Accepted;
  private readonly clientRecord: number;
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
      outcome: (connection ? outcomeName(connection.u32("outcome")) : undefined) ?? "off:no-peer",
    };
  }

  beforeConnect(): void {
    if (this.closed) return;
    if (!this.upstreamRecord) this.upstreamRecord = this.parts.own.shift() ?? 0;
    const { intent } = this.parts;
    const words = new DataView(intent.buffer, intent.byteOffset);
    const port = peerAddress(this.fd, address);
    intent.set(address, INTENT_ADDRESS);
    words.setUint32(OFFSET.client_port ?? 0, port, true);
    words.setUint32(OFFSET.level ?? 0, this.clientRecord ? Level.shortcut : Level.off, true);
    // The record last: it is what makes the intent valid.
    words.setUint32(OFFSET.record ?? 0, this.upstreamRecord, true);
  }

  connected(): OutcomeName {
    if (this.closed || !this.upstreamRecord) return "off:no-record";
    return this.parts.records.paired(this.upstreamRecord)
      ? "shortcut"
      : this.accepted.outcome === "off"
        ? "off"
        : "off:no-peer";
  }

  readFromClient(bytes: number): void {
    this.fromClient += bytes;
    if (this.parts.publishes && this.clientRecord && !this.closed)
      this.parts.records.readByB(this.clientRecord, this.fromClient);
  }

  readFromService(bytes: number): void {
    this.fromService += bytes;
    if (this.parts.publishes && this.upstreamRecord && !this.closed)
      this.parts.records.readByA(this.upstreamRecord, this.fromService);
  }

  state(): LinkState {
    return { kernelBytes: this.closed ? this.movedBefore : this.moved(), requests: 0 };
  }

  close(): void {
    if (this.closed) return;
    this.movedBefore = this.moved();
    this.closed = true;
    const { records, free, own } = this.parts;
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
