// SPDX-License-Identifier: Apache-2.0
import {
  NO_TOTALS,
  type EndpointTerms,
  type EngineTotals,
  type Link,
  type Listeners,
  type Release,
  type SocketEngine,
} from "./engine.js";

const ACCEPTED = {
  cookie: 0n,
  clientEndpoint: 0,
  serviceEndpoint: 0,
  original: undefined,
  outcome: "off:no-bpf",
} as const;

/** The one link of the user-space engine: it keeps nothing, so all connections share it. */
const NO_LINK: Link = {
  accepted: ACCEPTED,
  splice: undefined,
  onWake: undefined,
  room: () => undefined,
  beforeConnect() {},
  connected: () => "off:no-bpf",
  readFromClient() {},
  readFromService() {},
  state: () => ({ kernelBytes: 0, requests: 0 }),
  close() {},
};

/**
 * The engine for machines without BPF: captures nothing (traffic reaches the sidecar by explicit listeners) and moves
 * nothing; every connection is `off:no-bpf`.
 */
export class UserSpaceEngine implements SocketEngine {
  readonly name = "user-space";
  readonly level = "off";

  /** @param because why the kernel engine is not used, for `status` */
  constructor(readonly because: string) {}

  capture(_listeners: Listeners): Promise<Release> {
    return Promise.resolve(() => Promise.resolve());
  }

  addEndpoint(_terms: EndpointTerms): Promise<Release> {
    return Promise.resolve(() => Promise.resolve());
  }

  closeUdp(_endpoint: number, _ports: readonly number[]): void {}

  captureEgress(_endpoint: number, _on: boolean): void {}

  recordProcesses(_endpoint: number, _on: boolean): void {}

  accepted(_fd: number): Link {
    return NO_LINK;
  }

  totals(): EngineTotals {
    return NO_TOTALS;
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}
