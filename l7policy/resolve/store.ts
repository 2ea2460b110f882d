// SPDX-License-Identifier: Apache-2.0
import { LabelFilter } from "../identity/filter.js";
import { NameTable } from "../identity/names.js";
import { IdentityRegistry } from "../identity/registry.js";
import { Selections } from "../identity/selections.js";
import { PortNames, type Service } from "../identity/tables.js";
import type { SockmeshError } from "../../core/errors.js";
import type { Policy } from "../model.js";
import type { AwaitedSets } from "./awaited.js";
import { conflictErrors, conflictsOf } from "./conflicts.js";
import type { Compile } from "./endpoint-policy.js";
import { ResolvedPolicies } from "./revision.js";
import { SetCompiler } from "./sets.js";

/** How policies are enforced. */
export interface PolicyOptions {
  /** `default`: who is selected is restricted; `always`: everybody is; `never`: nobody is. */
  readonly mode: "default" | "always" | "never";
  /** What is denied passes and is put on record only. */
  readonly audit: boolean;
  /** The host reaches the workloads on it whatever the policies say, unless a deny rule names it. */
  readonly allowLocalhost: boolean;
  /** More rules on which labels make an identity, see `LabelFilter`. */
  readonly labels: readonly string[];
}

/** What revisions share. */
export interface StoreParts {
  readonly options: PolicyOptions;
  readonly registry: IdentityRegistry;
  readonly selections: Selections;
  readonly names: NameTable;
  readonly portNames: PortNames;
  readonly services: readonly Service[];
  readonly compile: Compile;
}

/** Owns what lives longer than a revision: identities, selections, what DNS gave, compiled rule sets. */
export class PolicyStore {
  readonly identities: IdentityRegistry;
  /** Names that DNS gave for addresses. */
  readonly names = new NameTable();
  /** Ports that endpoints name. */
  readonly portNames = new PortNames();
  private readonly options: PolicyOptions;
  private readonly selections: Selections;
  private readonly sets: SetCompiler;
  private services: readonly Service[] = [];
  private current: ResolvedPolicies | undefined;
  /** Prepared and not in force yet: it may be asked already. */
  private next: ResolvedPolicies | undefined;
  private revision = 0;

  /** @param awaited compiles rule sets elsewhere; undefined: they are compiled here, when they are first asked for */
  constructor(
    options: Partial<PolicyOptions> = {},
    readonly awaited?: AwaitedSets,
  ) {
    this.sets = new SetCompiler(awaited);
    this.options = { mode: "default", audit: false, allowLocalhost: false, labels: [], ...options };
    this.identities = new IdentityRegistry(new LabelFilter(this.options.labels));
    this.selections = new Selections(this.identities);
    this.identities.follow({
      added() {},
      removed: ({ identity }) => {
        this.current?.forget(identity);
        this.next?.forget(identity);
      },
    });
  }

  /** The services that are known. */
  get knownServices(): readonly Service[] {
    return this.services;
  }

  /** The services that `toServices` finds, from the next revision on. */
  setServices(services: readonly Service[]): void {
    this.services = services;
  }

  /** Resolves policies as the next revision and puts it in force, see {@link prepare} and {@link commit}. */
  resolve(policies: readonly Policy[]): ResolvedPolicies {
    const made = this.prepare(policies);
    this.commit(made);
    return made;
  }

  /** Resolves policies without putting them in force; one set at a time. Patterns are compiled when a rule set is first asked for. */
  prepare(policies: readonly Policy[]): ResolvedPolicies {
    const { options, identities: registry, selections, names, portNames, services } = this;
    const parts = { options, registry, selections, names, portNames, services, compile: this.sets.compile };
    this.next = new ResolvedPolicies(this.revision + 1, policies, parts);
    return this.next;
  }

  /** What keeps a revision from being put in force: rules that disagree about the protocol of a port. */
  conflicts(made: ResolvedPolicies): SockmeshError[] {
    return conflictErrors(conflictsOf(made, this.identities.all()));
  }

  /**
   * Puts a revision in force. From now on only it is kept up to date with identities to come; those before it may be
   * asked until it is in force everywhere.
   */
  commit(made: ResolvedPolicies): void {
    this.revision = made.revision;
    this.selections.keep(made.selections);
    this.current = made;
    this.next = undefined;
  }

  /** Drops a revision that is not put in force. */
  discard(): void {
    this.next = undefined;
    if (this.current) this.selections.keep(this.current.selections);
  }
}
