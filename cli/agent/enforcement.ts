// SPDX-License-Identifier: Apache-2.0
import type { Clock } from "../../core/clock.js";
import { asSockmeshError, type SockmeshError } from "../../core/errors.js";
import type { Log } from "../../core/log.js";
import type { Identity } from "../../l7policy/policy.js";
import type { ResolvedPolicies } from "../../l7policy/resolve/revision.js";
import { PolicyStore, type PolicyOptions } from "../../l7policy/resolve/store.js";
import { unseen } from "../../l7policy/resolve/unseen.js";
import { warm } from "../../l7policy/resolve/warm.js";
import type { LoadedPolicies } from "./policies.js";

/** How long rule sets are compiled ahead before the rest is left to the first request that needs it. */
const WARM_MS = 500;

/** Since when an endpoint is judged by a revision. */
export interface Acknowledgement {
  readonly revision: number;
  /** Milliseconds from the moment that the change was noticed until it held for the endpoint. */
  readonly ms: number;
  /** Why it is not the newest revision, or not the whole of it. */
  readonly error?: string;
}

/** The policy in force, and how the next one comes into force: worked out first, then put in place at once. */
export class Enforcement {
  readonly store: PolicyStore;
  /** The revision in force. */
  policy: ResolvedPolicies;
  /** Why the newest files are not in force. */
  problems: readonly string[] = [];
  files: readonly string[] = [];
  /** Milliseconds from the moment that the change was noticed until it was in force. */
  ms = 0;

  /** Throws the first error of the policies: there is no last good one yet to go on with. */
  constructor(
    readonly options: Pick<PolicyOptions, "mode" | "audit">,
    loaded: LoadedPolicies,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    const since = clock.now();
    this.store = new PolicyStore(options);
    this.policy = this.store.prepare([]);
    const made = this.prepare(loaded, []);
    if (made instanceof Array) throw made[0];
    this.policy = made;
    this.accept(made, loaded);
    this.ms = Math.round((clock.now() - since) * 10) / 10;
  }

  /**
   * Works out the revision of changed files for the identities of this node and puts it in force by `swap`, in the same
   * turn. With an error the last good one stays. Returns whether it is in force.
   * @param since when the change was noticed
   */
  change(
    loaded: LoadedPolicies,
    here: Iterable<Identity>,
    since: number,
    swap: (policy: ResolvedPolicies) => void,
  ): boolean {
    const made = this.prepare(loaded, here);
    if (made instanceof Array) {
      this.problems = made.map((error) => error.describe());
      this.store.discard();
      return false;
    }
    this.policy = made;
    this.accept(made, loaded);
    swap(made);
    this.ms = Math.round((this.clock.now() - since) * 10) / 10;
    return true;
  }

  /** Compiles ahead what an identity that is new here is judged by. Throws SM_POLICY_REGEX. */
  prepareIdentity(identity: Identity): void {
    this.warm(this.policy, [identity]);
  }

  private accept(made: ResolvedPolicies, { files, policies }: LoadedPolicies): void {
    this.store.commit(made);
    this.problems = [];
    this.files = files;
    for (const { at, message } of unseen(policies)) this.log.warn({ at: `${at.file}:${at.line}` }, message);
    const { mode, audit } = this.options;
    this.log.info({ revision: made.revision, files, enforcement: mode, audit }, "policy in force");
  }

  /** The next revision, compiled, or every error that keeps it from being in force. */
  private prepare(
    loaded: LoadedPolicies,
    here: Iterable<Identity>,
  ): ResolvedPolicies | [SockmeshError, ...SockmeshError[]] {
    let errors = [...loaded.errors];
    if (errors.length === 0) {
      try {
        const made = this.store.prepare(loaded.policies);
        errors = this.store.conflicts(made);
        if (errors.length === 0) {
          this.warm(made, here);
          return made;
        }
      } catch (thrown) {
        errors = [asSockmeshError(thrown, "SM_POLICY_REGEX")];
      }
    }
    for (const error of errors)
      this.log.error(
        { code: error.code, hint: error.hint, revision: this.policy.revision },
        error.describe(),
      );
    return errors as [SockmeshError, ...SockmeshError[]];
  }

  private warm(policy: ResolvedPolicies, identities: Iterable<Identity>): void {
    const until = this.clock.now() + WARM_MS;
    const peers = Array.from(this.store.identities.all(), ({ identity }) => identity);
    for (const identity of identities) warm(policy, identity, peers, () => this.clock.now() < until);
  }
}
