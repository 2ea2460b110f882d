// SPDX-License-Identifier: Apache-2.0
/**
 * Every decision sockmesh takes has one name and one counter, shared by the BPF programs and TypeScript.
 * `scripts/gen-abi.mjs` writes them into `sockmap/bpf/abi.gen.h`. Numbers are never reused or changed: add at the end.
 */
export const Outcome = {
  /** The request was allowed and forwarded. */
  allowed: 0,
  /** Policy has no rule that allows the request; the denial was answered in the protocol's own words. */
  "denied:policy": 1,
  /** No rule allows this peer on this port; the connection was refused. */
  "denied:peer": 2,
  /** Bytes that the strict parser refuses; answered and closed. */
  "denied:malformed": 3,
  /** A limit (head size, header count, pipelining, time) was exceeded. */
  "denied:limit": 4,
  /** Upgrade or CONNECT that no rule names. */
  "denied:upgrade": 5,
  /** The service could not be reached. */
  "failed:upstream-connect": 6,
  /** The service closed or reset in the middle of a response. */
  "failed:upstream-reset": 7,
  /** The service sent bytes that are no valid response. */
  "failed:upstream-malformed": 8,
  /** The sidecar is draining and takes nothing new. */
  "refused:draining": 9,
  /** A timer of the connection expired. */
  "failed:timeout": 10,
  /** Audit: policy denies the request, and it was forwarded all the same. */
  "audited:policy": 11,
  /** Audit: policy denies this peer on this port, and the connection was let through all the same. */
  "audited:peer": 12,
  /** A new policy or identity denies a stream that was open; it was ended. */
  "ended:policy": 13,
  /** Keys that policy denies were left out of a read and reported missing, as the rule asks. */
  "hidden:keys": 14,

  /** Level of a connection: plain TCP through the sidecar, by configuration. */
  off: 16,
  /** Service-to-sidecar bytes skip the TCP stack. */
  shortcut: 17,
  /** Allowed requests skip the sidecar. */
  splice: 18,
  /** Not accelerated: this machine or process has no BPF. */
  "off:no-bpf": 19,
  /** Not accelerated: the socket has an upper layer protocol (kTLS, SMC). */
  "off:ulp-socket": 20,
  /** Not accelerated: MPTCP subflows must not enter a sockmap. */
  "off:mptcp-socket": 21,
  /** Not accelerated: data travelled before the socket was established (TCP Fast Open). */
  "off:early-data": 22,
  /** Not accelerated: the port or label is opted out. */
  "off:opted-out": 23,
  /** Not accelerated: another program's sockmap holds the socket (EBUSY). */
  "off:held-elsewhere": 24,
  /** Not accelerated: the map of sockets is full. */
  "off:map-full": 25,
  /** Not accelerated: no free connection record. */
  "off:no-record": 26,
  /** Not accelerated: the peer's socket is not on this node or not known (yet). */
  "off:no-peer": 27,
  /** Not accelerated: the endpoint was put back after an incompatible reader was seen. */
  "off:incompatible-reader": 28,
  /** Plain TCP, not splice: the service's socket could not be tied to the client's. */
  "unspliced:no-pair": 29,

  /** A message went to TCP: the peer was not paired when the first byte was sent; sticky at level shortcut. */
  "slow:unpaired": 32,
  /** A message went to TCP: the receiver has too many unread bytes. */
  "slow:credit": 33,
  /** A message went to TCP: the redirect helper refused (peer gone). */
  "slow:redirect-failed": 34,
  /** A message went to TCP: earlier bytes are under way to the sidecar. */
  "slow:in-flight": 35,
  // 36 was `slow:unread`: bytes of TCP that the receiver had not read yet. There are none any more.
  /** A message went to TCP: the head is not canonical, the kernel is not sure. */
  "slow:not-canonical": 37,
  /** A message went to TCP: no rule allowed it in the kernel; TypeScript judges again. */
  "slow:not-allowed": 38,
  /** A message went to TCP: a request is outstanding already (pipelining). */
  "slow:pipelined": 39,
  /** A message went to TCP: the sidecar is about to inject an answer. */
  "slow:injecting": 40,
  /** A message went to TCP: the policy slot is judged in TypeScript only. */
  "slow:no-slot": 41,
  /** A message went to TCP: this response is framed in TypeScript only. */
  "slow:response-framing": 42,
  /** A message went to TCP: the link is switched off for this direction. */
  "slow:switched-off": 43,
  /** A message was moved by the kernel. */
  fast: 44,
  /** A message continues a body that crosses its end. */
  "slow:body-overrun": 45,
  /** A message went to TCP: a response that no request waits for. */
  "slow:no-request": 46,
  /** A blocking recv returned EAGAIN: an application that sockmaps break; its endpoint's new connections stay on TCP. */
  "seen:blocking-again": 47,
  /** A process reads a socket with splice(2), which never finds moved bytes; its endpoint's new connections stay on TCP. */
  "seen:splice-reader": 48,
  /** A message went to TCP: bytes of the sidecar went to the receiver over TCP, before its socket was known. */
  "slow:strayed": 49,
  /** Bytes of the sidecar were moved to a service or client that the kernel also moves requests or answers to. */
  injected: 50,
  /** A process asks FIONREAD, which leaves moved bytes out on older kernels; its endpoint's new connections stay on TCP. */
  "seen:asking-reader": 51,
} as const;

/** Name of an outcome, e.g. `off:ulp-socket`. */
export type OutcomeName = keyof typeof Outcome;

/** Size of a counter array indexed by outcome number. */
export const OUTCOME_SLOTS = 64;

const NAMES: (OutcomeName | undefined)[] = [];
for (const [name, number] of Object.entries(Outcome)) NAMES[number] = name as OutcomeName;

/** Name of an outcome number read from the kernel; `undefined` for a number this build does not know. */
export function outcomeName(number: number): OutcomeName | undefined {
  return NAMES[number];
}

/** Counts outcomes; one array write an event, nothing allocated. */
export class OutcomeCounters {
  readonly counts = new Float64Array(OUTCOME_SLOTS);

  /** Adds one to an outcome's counter. */
  count(name: OutcomeName): void {
    const number = Outcome[name];
    this.counts[number] = (this.counts[number] ?? 0) + 1;
  }

  /** The non-zero counters by name. */
  snapshot(): Partial<Record<OutcomeName, number>> {
    const out: Partial<Record<OutcomeName, number>> = {};
    for (const [name, number] of Object.entries(Outcome)) {
      const value = this.counts[number];
      if (value) out[name as OutcomeName] = value;
    }
    return out;
  }
}
