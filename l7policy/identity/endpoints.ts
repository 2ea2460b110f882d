// SPDX-License-Identifier: Apache-2.0
import type { Clock } from "../../core/clock.js";
import type { Identity, Labels } from "../policy.js";
import type { IdentityRegistry } from "./registry.js";
import type { NamedPort, PortNames } from "./tables.js";

/** How long an endpoint keeps its identity after its labels changed: others must learn the new one first. */
const GRACE_MS = 5_000;

/** A workload: its labels, and what follows from them. */
export interface EndpointTerms {
  readonly labels: Labels;
  readonly ports?: readonly NamedPort[];
}

interface Known {
  terms: EndpointTerms;
  identity: Identity;
  cancel: (() => void) | undefined;
}

/** The workloads by name, and the identity that each has now. */
export class EndpointTable {
  private readonly byName = new Map<string, Known>();

  /**
   * @param changed called when an endpoint's identity changes
   * @param graceMs see {@link GRACE_MS}
   */
  constructor(
    private readonly registry: IdentityRegistry,
    private readonly ports: PortNames,
    private readonly clock: Clock,
    private readonly changed: (name: string, identity: Identity) => void = () => {},
    private readonly graceMs = GRACE_MS,
  ) {}

  /** Adds an endpoint, or changes one; a change of labels takes effect after the grace time. Returns its identity now. */
  set(name: string, terms: EndpointTerms): Identity {
    const known = this.byName.get(name);
    if (!known) {
      const identity = this.registry.acquire(terms.labels);
      this.byName.set(name, { terms, identity, cancel: undefined });
      this.namePorts(identity);
      return identity;
    }
    known.cancel?.();
    known.terms = terms;
    known.cancel = this.clock.after(this.graceMs, () => this.take(name, known));
    // From now on the new identity exists, so that policy is resolved before it is needed.
    this.registry.release(this.registry.acquire(terms.labels));
    return known.identity;
  }

  /** Ends an endpoint. */
  delete(name: string): void {
    const known = this.byName.get(name);
    if (!known) return;
    known.cancel?.();
    this.byName.delete(name);
    this.namePorts(known.identity);
    this.registry.release(known.identity);
  }

  /** The identity of an endpoint now; undefined when there is none of that name. */
  identityOf(name: string): Identity | undefined {
    return this.byName.get(name)?.identity;
  }

  private take(name: string, known: Known): void {
    known.cancel = undefined;
    const before = known.identity;
    known.identity = this.registry.acquire(known.terms.labels);
    this.registry.release(before);
    this.namePorts(before);
    this.namePorts(known.identity);
    if (known.identity !== before) this.changed(name, known.identity);
  }

  /** The named ports of an identity are those of its endpoints. */
  private namePorts(identity: Identity): void {
    this.ports.clear(identity);
    for (const known of this.byName.values())
      if (known.identity === identity)
        for (const port of known.terms.ports ?? []) this.ports.set(identity, port);
  }
}
