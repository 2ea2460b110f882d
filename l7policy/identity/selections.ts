// SPDX-License-Identifier: Apache-2.0
import type { LabelRequirement, Selector } from "../model.js";
import type { Identity } from "../policy.js";
import { selectorText, type LabelSet } from "./labels.js";
import type { IdentityInfo, IdentityListener, IdentityRegistry } from "./registry.js";

/** The identities that a selector selects, kept up to date. */
export class Selection {
  private readonly members = new Set<Identity>();

  constructor(
    readonly text: string,
    readonly selector: Selector,
  ) {}

  /** True when the selector selects an identity. */
  has(identity: Identity): boolean {
    return this.members.has(identity);
  }

  /** Identities selected now. */
  get size(): number {
    return this.members.size;
  }

  [Symbol.iterator](): Iterator<Identity> {
    return this.members.values();
  }

  /** Looks at an identity that came. */
  offer({ identity, labels }: IdentityInfo): void {
    if (labels.fits(this.selector)) this.members.add(identity);
  }

  /** Forgets an identity that went. */
  forget(identity: Identity): void {
    this.members.delete(identity);
  }
}

/**
 * Selections of all selectors in use. An index by label makes a new identity meet only the selectors that name one of
 * its labels, and a new selector only the identities that have one it names.
 */
export class Selections implements IdentityListener {
  private readonly known = new Map<string, Selection>();
  /** By a label that the selector wants: `key=value`, or `key` for any value. */
  private readonly wanting = new Map<string, Set<Selection>>();
  /** Selectors that only say what must not be there. */
  private readonly unindexed = new Set<Selection>();
  private readonly identities = new Map<string, Set<IdentityInfo>>();
  private readonly all = new Set<IdentityInfo>();

  constructor(registry: IdentityRegistry) {
    registry.follow(this);
  }

  /** The selection of a selector; equal selectors share one. */
  of(selector: Selector): Selection {
    const text = selectorText(selector);
    const known = this.known.get(text);
    if (known) return known;
    const made = new Selection(text, selector);
    this.known.set(text, made);
    const keys = indexKeys(selector);
    for (const key of keys ?? []) bucket(this.wanting, key).add(made);
    if (!keys) this.unindexed.add(made);
    for (const infos of keys ? keys.map((key) => this.identities.get(key) ?? []) : [this.all])
      for (const info of infos) made.offer(info);
    return made;
  }

  /** Forgets all selections but these. */
  keep(used: ReadonlySet<Selection>): void {
    for (const [text, selection] of this.known) {
      if (used.has(selection)) continue;
      this.known.delete(text);
      this.unindexed.delete(selection);
      for (const key of indexKeys(selection.selector) ?? []) drop(this.wanting, key, selection);
    }
  }

  added(info: IdentityInfo): void {
    this.all.add(info);
    for (const key of labelKeys(info.labels)) {
      bucket(this.identities, key).add(info);
      for (const selection of this.wanting.get(key) ?? []) selection.offer(info);
    }
    for (const selection of this.unindexed) selection.offer(info);
  }

  removed(info: IdentityInfo): void {
    this.all.delete(info);
    for (const key of labelKeys(info.labels)) drop(this.identities, key, info);
    for (const selection of this.known.values()) selection.forget(info.identity);
  }
}

/** Keys under which a selector is found: those of the requirement that fewest meet. Undefined when none wants a label. */
function indexKeys({ requirements }: Selector): readonly string[] | undefined {
  const best = [...requirements].sort((a, b) => rank(a) - rank(b))[0];
  if (best?.operator === "In") return best.values.map((value) => `${best.key}=${value}`);
  return best?.operator === "Exists" ? [best.key] : undefined;
}

function rank({ key, operator, values }: LabelRequirement): number {
  if (operator === "In") return key.includes("io.kubernetes.pod.namespace") ? 1000 : values.length;
  return operator === "Exists" ? 2000 : 3000;
}

function* labelKeys(labels: LabelSet): Iterable<string> {
  for (const key of labels.keys()) {
    yield key;
    for (const value of labels.get(key) ?? []) yield `${key}=${value}`;
  }
}

function bucket<T>(map: Map<string, Set<T>>, key: string): Set<T> {
  let found = map.get(key);
  if (!found) map.set(key, (found = new Set()));
  return found;
}

function drop<T>(map: Map<string, Set<T>>, key: string, item: T): void {
  const found = map.get(key);
  found?.delete(item);
  if (found?.size === 0) map.delete(key);
}
