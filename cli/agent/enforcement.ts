// SPDX-License-Identifier: Apache-2.0
import type { Clock } from "../../core/clock.js";
import type { SockmeshError } from "../../core/errors.js";
import { asSockmeshError } from "../../core/errors.js";
import type { Log } from "../../core/log.js";
import type { Compiler } from "../../l7policy/compile/workshop.js";
import type { Identity } from "../../l7policy/policy.js";
import { AwaitedSets, type AwaitedSet } from "../../l7policy/resolve/awaited.js";
import type { ResolvedPolicies } from "../../l7policy/resolve/revision.js";
import { PolicyStore, type PolicyOptions } from "../../l7policy/resolve/store.js";
import { unseen } from "../../l7policy/resolve/unseen.js";
import { placeOf, warming, type WarmedPlace } from "../../l7policy/resolve/warm.js";
import type { LoadedPolicies } from "./policies.js";
import { doubtsAbout } from "./processes.js";

/** How long rule sets are looked up ahead before the rest is left to the first request that needs it. */
const WARM_MS = 500;
/** How long one turn of that may hold up requests. */
const TURN_MS = 2;

/** Since when an endpoint is judged by a revision. */
export interface Acknowledgement {
  readonly revision: number;
  /** Milliseconds from the moment that the change was noticed until it held for the endpoint. */
  readonly ms: number;
  /** Why it is not the newest revision, or not the whole of it. */
  readonly error?: string;
}

/** What an {@link Enforcement} works with. */
export interface EnforcementParts {
  readonly options: Pick<PolicyOptions, "mode" | "audit">;
  /** Compiles on another thread. */
  readonly compiler: Compiler;
  readonly clock: Clock;
  readonly log: Log;
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
  /** Called when tables have been compiled that connections are waiting for. */
  tablesReady: () => void = () => {};
  /** Set when the agent stops: what fails from then on is of no interest. */
  closed = false;
  private readonly sets: AwaitedSets;

  private constructor(private readonly parts: EnforcementParts) {
    const { compiler, options, log } = parts;
    const failed = (thrown: unknown): void => {
      const { code, message } = asSockmeshError(thrown, "SM_POLICY_REGEX");
      log.warn({ code, cause: message }, "the sidecar judges what could not be compiled for the kernel");
    };
    this.sets = new AwaitedSets(compiler, () => this.tablesReady(), failed, turn);
    this.store = new PolicyStore(options, this.sets);
    this.policy = this.store.prepare([]);
  }

  /** Puts the first policies in force. Throws their first error: there is no last good one yet to go on with. */
  static async start(
    parts: EnforcementParts,
    read: () => Promise<LoadedPolicies>,
    since: number,
  ): Promise<Enforcement> {
    const made = new Enforcement(parts);
    const errors = await made.change(
      read,
      () => [],
      since,
      () => {},
    );
    if (errors[0]) throw errors[0];
    return made;
  }

  /**
   * Works out the revision of changed files for the identities of this node, then puts it in force by `swap`, in one turn.
   * With an error the last good one stays. One at a time. Returns what keeps it from being in force.
   * @param read reads the files
   * @param here identities of this node now
   * @param since when the change was noticed
   */
  async change(
    read: () => Promise<LoadedPolicies>,
    here: () => Iterable<Identity>,
    since: number,
    swap: (policy: ResolvedPolicies) => void,
  ): Promise<readonly SockmeshError[]> {
    const { clock, log } = this.parts;
    let errors: readonly SockmeshError[];
    try {
      const loaded = await read();
      ({ errors } = loaded);
      const made = errors.length === 0 ? this.store.prepare(loaded.policies) : undefined;
      if (made) errors = this.store.conflicts(made);
      if (made && errors.length === 0) {
        await this.warm(made, here());
        if (this.closed) return [];
        // Nobody else runs from here on: a request sees the old revision or the new one.
        this.policy = made;
        this.accept(made, loaded);
        swap(made);
        this.ms = Math.round((clock.now() - since) * 10) / 10;
        return [];
      }
    } catch (thrown) {
      errors = [asSockmeshError(thrown, "SM_POLICY_REGEX")];
    }
    if (this.closed) return errors;
    for (const error of errors)
      log.error({ code: error.code, hint: error.hint, revision: this.policy.revision }, error.describe());
    this.problems = errors.map((error) => error.describe());
    this.store.discard();
    return errors;
  }

  /** Has compiled ahead what an identity that is new here is judged by. Throws SM_POLICY_REGEX. */
  prepareIdentity(identity: Identity): Promise<void> {
    return this.warm(this.policy, [identity]);
  }

  private accept(made: ResolvedPolicies, { files, policies }: LoadedPolicies): void {
    const { log, options } = this.parts;
    this.store.commit(made);
    this.problems = [];
    this.files = files;
    for (const { at, message } of [...unseen(policies), ...doubtsAbout(policies)])
      log.warn({ at: `${at.file}:${at.line}` }, message);
    const { mode, audit } = options;
    log.info({ revision: made.revision, files, enforcement: mode, audit }, "policy in force");
  }

  /** Looks up in short turns what identities are judged by, and has it compiled on the other thread. */
  private async warm(policy: ResolvedPolicies, identities: Iterable<Identity>): Promise<void> {
    const { clock } = this.parts;
    const peers = Array.from(this.store.identities.all(), ({ identity }) => identity);
    const wanted = new Map<AwaitedSet, WarmedPlace>();
    let left = WARM_MS;
    for (const identity of identities) {
      let place: WarmedPlace | undefined;
      const steps = warming(policy, identity, peers, (next) => (place = next));
      for (let more = true; more && left > 0;) {
        const began = clock.now();
        this.sets.met = (set) => void (place && wanted.set(set, place));
        try {
          while (more && clock.now() - began < TURN_MS) more = steps.next().done !== true;
        } finally {
          this.sets.met = undefined;
        }
        left -= clock.now() - began;
        await turn();
      }
    }
    await this.sets.finish([...wanted.keys()], (set) => {
      const place = wanted.get(set);
      return place ? placeOf(policy, place) : { what: "", at: undefined, field: undefined };
    });
  }
}

/** Lets what waits be done first. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
