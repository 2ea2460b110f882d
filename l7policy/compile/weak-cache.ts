// SPDX-License-Identifier: Apache-2.0

/** Values by key for as long as somebody else holds them: what no policy uses any more is forgotten. */
export class WeakCache<V extends object> {
  private readonly values = new Map<string, WeakRef<V>>();
  private sweepAt = 64;

  /** The value of a key; made when there is none (any more). */
  get(key: string, make: () => V): V {
    const known = this.values.get(key)?.deref();
    if (known) return known;
    const made = make();
    this.values.set(key, new WeakRef(made));
    if (this.values.size > this.sweepAt) this.sweep();
    return made;
  }

  private sweep(): void {
    for (const [key, value] of this.values) if (!value.deref()) this.values.delete(key);
    this.sweepAt = Math.max(64, this.values.size * 2);
  }
}
