// SPDX-License-Identifier: Apache-2.0
import { prefixText, type Prefix } from "../../core/address.js";
import { SockmeshError } from "../../core/errors.js";
import type { Identity, Labels } from "../policy.js";
import { LabelFilter } from "./filter.js";
import { CLUSTER_LABEL, LabelSet, NAMESPACE_LABEL, normalLabels, sourceOf } from "./labels.js";
import { CLAIMED_SOURCES, GLOBAL, LOCAL, RESERVED, reservedLabels, USER_RESERVED } from "./reserved.js";

/** What stands behind a number. Never changes: other labels are another identity. */
export interface IdentityInfo {
  readonly identity: Identity;
  readonly labels: LabelSet;
  /** Of addresses outside: the longest block that policies know them by. */
  readonly prefix: Prefix | undefined;
  /** Of addresses outside: the texts of the DNS rules that they belong to. */
  readonly names: ReadonlySet<string>;
}

/** Is told of identities that come and go. */
export interface IdentityListener {
  added(info: IdentityInfo): void;
  removed(info: IdentityInfo): void;
}

const NO_NAMES: ReadonlySet<string> = new Set();

interface Counted {
  readonly info: IdentityInfo;
  readonly key: string;
  uses: number;
}

/**
 * Gives each distinct label set one number. A number that nobody uses any more keeps its labels until its turn comes
 * to be given away again, which is when all others have been: what still refers to it stays judged by its own labels.
 */
export class IdentityRegistry {
  private readonly byKey = new Map<string, Counted>();
  private readonly counted = new Map<Identity, Counted>();
  private readonly byNumber = new Map<Identity, IdentityInfo>();
  private readonly local = new Map<string, Identity>();
  /** Unused numbers, the longest unused first. */
  private readonly unused = new Map<Identity, Counted>();
  private next: number = GLOBAL.first;
  private nextLocal: number = LOCAL.first;
  private readonly listeners: IdentityListener[] = [];

  constructor(private readonly filter = new LabelFilter()) {
    for (const name of Object.keys(RESERVED) as (keyof typeof RESERVED)[])
      this.add(RESERVED[name], new LabelSet(reservedLabels(name)), undefined, NO_NAMES);
  }

  /**
   * The identity of a label set, in use from now on for as long as the registry lives; a workload without a namespace
   * is in `default`. Throws SM_LIMIT when no number is left, SM_CONFIG_INVALID for labels that nobody may claim.
   */
  identityOf(labels: Labels): Identity {
    return this.acquire(labels);
  }

  /** As {@link identityOf}, until {@link release} is called as often. */
  acquire(labels: Labels): Identity {
    const full = this.labelsFor(labels);
    const key = keyOf(full);
    const known = this.byKey.get(key);
    if (known) {
      known.uses++;
      this.unused.delete(known.info.identity);
      return known.info.identity;
    }
    return this.count(this.freeNumber(), full, key, 1);
  }

  /** One user less. */
  release(identity: Identity): void {
    const counted = this.counted.get(identity);
    if (counted && counted.uses > 0 && --counted.uses === 0) this.unused.set(identity, counted);
  }

  /** Gives a label set a number of the administrator's choice (128 to 255). Throws SM_CONFIG_INVALID. */
  reserve(identity: Identity, labels: Labels): void {
    const full = this.labelsFor(labels);
    const key = keyOf(full);
    const wrong =
      identity < USER_RESERVED.first || identity > USER_RESERVED.last
        ? `is not from ${USER_RESERVED.first} to ${USER_RESERVED.last}`
        : this.byNumber.has(identity)
          ? "is taken"
          : this.byKey.has(key)
            ? "names labels that have a number already"
            : undefined;
    if (wrong !== undefined) throw new SockmeshError("SM_CONFIG_INVALID", `identity ${identity} ${wrong}`);
    this.count(identity, full, key, Infinity);
  }

  /**
   * The identity of addresses outside, by the longest block and the DNS rules that policies know them by.
   * Throws SM_LIMIT when no number is left.
   */
  worldIdentity(prefix: Prefix | undefined, names: readonly string[]): Identity {
    if (!prefix && names.length === 0) return RESERVED.world;
    const key = [prefix ? prefixText(prefix) : "", ...[...names].sort()].join(" ");
    const known = this.local.get(key);
    if (known !== undefined) return known;
    if (this.nextLocal > LOCAL.last) throw new SockmeshError("SM_LIMIT", "no local identity is left");
    const labels: Record<string, string> = { "reserved:world": "" };
    if (prefix) labels[`cidr:${prefixText(prefix)}`] = "";
    for (const name of names) labels[`fqdn:${name}`] = "";
    const info = this.add(this.nextLocal++, new LabelSet(labels), prefix, new Set(names));
    this.local.set(key, info.identity);
    return info.identity;
  }

  /** What stands behind a number; undefined for one that was never given. */
  info(identity: Identity): IdentityInfo | undefined {
    return this.byNumber.get(identity);
  }

  /** Labels of an identity, with their sources; empty for an unknown number. */
  labelsOf(identity: Identity): Labels {
    return this.byNumber.get(identity)?.labels.labels ?? {};
  }

  /** All identities. */
  all(): Iterable<IdentityInfo> {
    return this.byNumber.values();
  }

  /** Tells `listener` of all identities, and of those to come. */
  follow(listener: IdentityListener): void {
    this.listeners.push(listener);
    for (const info of this.byNumber.values()) listener.added(info);
  }

  private labelsFor(labels: Labels): Labels {
    const normal = normalLabels(labels);
    const claimed = Object.keys(normal).find((key) => CLAIMED_SOURCES.includes(sourceOf(key)));
    if (claimed !== undefined)
      throw new SockmeshError(
        "SM_CONFIG_INVALID",
        `label ${claimed} is sockmesh's own: no workload may claim it`,
      );
    return {
      [`k8s:${NAMESPACE_LABEL}`]: "default",
      [`k8s:${CLUSTER_LABEL}`]: "default",
      ...this.filter.keep(normal),
    };
  }

  private count(identity: Identity, labels: Labels, key: string, uses: number): Identity {
    const info = this.add(identity, new LabelSet(labels), undefined, NO_NAMES);
    const counted = { info, key, uses };
    this.byKey.set(key, counted);
    this.counted.set(identity, counted);
    return identity;
  }

  private add(
    identity: Identity,
    labels: LabelSet,
    prefix: Prefix | undefined,
    names: ReadonlySet<string>,
  ): IdentityInfo {
    const info = { identity, labels, prefix, names };
    this.byNumber.set(identity, info);
    for (const listener of this.listeners) listener.added(info);
    return info;
  }

  private freeNumber(): Identity {
    if (this.next <= GLOBAL.last) return this.next++;
    const oldest = this.unused.values().next().value;
    if (!oldest) throw new SockmeshError("SM_LIMIT", "no identity is left: too many distinct label sets");
    const { identity } = oldest.info;
    this.unused.delete(identity);
    this.byKey.delete(oldest.key);
    this.counted.delete(identity);
    this.byNumber.delete(identity);
    for (const listener of this.listeners) listener.removed(oldest.info);
    return identity;
  }
}

function keyOf(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
