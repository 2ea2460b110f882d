// SPDX-License-Identifier: Apache-2.0
import { Expected, type Framing } from "../protocols/protocol.js";
import type { Body, Direction, Splice, Tables } from "../sockmap/engine.js";

/** What holds of one direction on the sidecar's side. */
class Course {
  /** Slow bytes received so far, modulo 2^32. */
  received = 0;
  /** The sidecar has slow bytes that it has not handed back: the kernel moves nothing. */
  held = false;
}

/** What a relay must be able to do so that the kernel can share its connection. */
export interface Spliced {
  /** The sidecar takes a direction: goes on at the kernel's framing. `moved`: the kernel has moved some of it before. */
  resume(direction: Direction, framing: Framing, moved: boolean): void;
  /** Where the parser stands; undefined when it may not be handed back now. */
  standing(direction: Direction): Framing | undefined;
  /** A request went past the sidecar; the expectation is one that the kernel knows, see `Expected`. */
  requestMoved(expectation: number): void;
  /** The oldest request that waits was answered past the sidecar. */
  responseMoved(): void;
  /** Some answer is to be made by the sidecar, or must be seen by it. */
  readonly needsResponses: boolean;
}

/**
 * One connection that the kernel shares: keeps what the two sides tell each other in the order that makes it safe. Who
 * holds a direction judges it; slow bytes take it from the kernel, `settle` gives it back.
 */
export class Splicing {
  /** Something could not be given back yet, because what was written is not with the kernel. */
  unsettled = false;
  private readonly courses = { f: new Course(), r: new Course() };
  private seenRequests = 0;
  private seenResponses = 0;
  /** Requests that reached the service, however. */
  private position = 0;

  constructor(
    private readonly link: Splice,
    private readonly relay: () => Spliced,
  ) {}

  /** Puts tables in force, or others. */
  judge(tables: Tables): void {
    this.link.judge(tables);
  }

  /** Slow bytes of a direction have arrived; before they are looked at. */
  received(direction: Direction, bytes: number): void {
    const course = this.courses[direction];
    course.received = (course.received + bytes) >>> 0;
    this.take(direction);
  }

  /** Takes a direction from the kernel: slow bytes or the end of the stream are there, after all that it moved. */
  take(direction: Direction): void {
    const course = this.courses[direction];
    // Also while it is held: the kernel may go on in the other direction, and answers need their requests.
    this.catchUp();
    if (!course.held) {
      course.held = true;
      this.relay().resume(direction, framingOf(this.link.body(direction)), this.link.moved(direction));
    }
    if (direction === "r") this.link.proveDelivered();
  }

  /** Learns what was moved since: responses are read before requests, so that none answers a request not known yet. */
  catchUp(): void {
    const responses = this.link.responses();
    const requests = this.link.requests();
    const relay = this.relay();
    for (; this.seenRequests !== requests; this.seenRequests = (this.seenRequests + 1) >>> 0) {
      this.position = (this.position + 1) >>> 0;
      const marked = this.position === this.link.markedRequest();
      relay.requestMoved(marked ? Expected.marked : Expected.ordinary);
    }
    for (; this.seenResponses !== responses; this.seenResponses = (this.seenResponses + 1) >>> 0)
      relay.responseMoved();
  }

  /** A slow request that will be answered, or a final response, is about to be written. */
  forwarded(direction: Direction): void {
    if (direction === "f") this.position = (this.position + 1) >>> 0;
    this.link.forwarded(direction);
  }

  /** Has the service's messages come through the sidecar, so that an answer of its own can be put in order. */
  holdResponses(): void {
    this.link.holdResponses(true);
    this.catchUp();
  }

  /** Whether every answer that the kernel moved is with the client. */
  delivered(): "yes" | "not yet" | "cannot tell" {
    return this.link.delivered();
  }

  /**
   * Gives back what is dealt with: what was written to the receiver must be in its queue, so that nothing overtakes it.
   * @param service everything for the service is with the kernel
   * @param client likewise for the client
   */
  settle(service: boolean, client: boolean): void {
    const relay = this.relay();
    this.unsettled = !service || !client;
    if (relay.needsResponses) this.link.holdResponses(true);
    else if (client) this.link.holdResponses(false);
    if (client) this.giveBack("r", relay);
    if (service) this.giveBack("f", relay);
  }

  /** Nothing goes past the sidecar any more. */
  stop(): void {
    this.link.stop();
    this.catchUp();
  }

  private giveBack(direction: Direction, relay: Spliced): void {
    const course = this.courses[direction];
    if (!course.held) return;
    const framing = relay.standing(direction);
    if (!framing || framing.at === "other" || framing.at === "kept") return;
    course.held = false;
    this.link.handBack(direction, course.received, bodyOf(framing));
  }
}

function framingOf(body: Body): Framing {
  if (body === 0) return BETWEEN;
  return body > 0 ? { at: "body", remaining: body } : { at: "chunk", remaining: -1 - body };
}

function bodyOf(framing: Exclude<Framing, { at: "other" | "kept" }>): Body {
  if (framing.at === "between") return 0;
  return framing.at === "body" ? framing.remaining : -1 - framing.remaining;
}

const BETWEEN: Framing = { at: "between" };
