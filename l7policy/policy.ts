// SPDX-License-Identifier: Apache-2.0
import type { FieldSpans } from "../protocols/fields.js";
import type { CompiledTable } from "./compile/compile.js";
import type { HeaderAction, HttpRule } from "./model.js";

/** Labels of a workload, e.g. `{ app: "backend" }`; keys without a source (`k8s:`, `container:`) are of source `k8s`. */
export type Labels = Readonly<Record<string, string>>;

/** Numeric identity of a label set; below 256 reserved (1 host, 2 world), as in Cilium. */
export type Identity = number;

/** What one rule set says of one request. Reused objects: read at once. */
export interface Judgement {
  readonly allowed: boolean;
  /** Index of the rule that allowed it in the rule set's `rules`, -1 when denied. */
  readonly rule: number;
}

/**
 * All that holds for one (endpoint, direction, port, peer identity).
 * `deny`: nothing passes. `allow`: everything passes, no protocol is inspected. `l7`: each request is judged.
 */
export type RuleSet =
  | { readonly kind: "deny" }
  | { readonly kind: "allow" }
  | {
      readonly kind: "l7";
      /** Protocol by name, e.g. `http`, `memcached`. */
      readonly protocol: string;
      /** Content address: equal rule sets share it, and share one compiled slot. */
      readonly id: string;
      /** True when the fields fulfil at least one rule. Allocates nothing. */
      judge(fields: FieldSpans): boolean;
      /** True when a rule names the upgrade (HTTP `Upgrade` header value or CONNECT) that this request asks for. */
      judgeUpgrade(fields: FieldSpans): boolean;
      /** What is to be done to the headers of a request that was allowed; missing where no rule asks for anything. */
      effects?(fields: FieldSpans): readonly HeaderAction[];
      /**
       * Where rules ask that denied keys be reported missing: indexes of the spans of the keys that none allows. Undefined:
       * the request is denied as a whole. To be asked when `judge` has said no.
       */
      hidden?(fields: FieldSpans): readonly number[] | undefined;
      /** Position in `rules` of the first rule that allows the fields, -1 when none does. */
      match?(fields: FieldSpans): number;
      /** The rules (HTTP), in an order that is the same in every process. */
      readonly rules?: readonly HttpRule[] | undefined;
      /**
       * What the kernel runs, or why it cannot; compiled when first asked for. Undefined where no kernel judges; `later`:
       * another thread is compiling it.
       */
      readonly table?: CompiledTable | "later" | undefined;
      /** What the kernel runs for requests that another set must allow too; otherwise as `table`. */
      joined?(other: L7RuleSet): CompiledTable | "later" | undefined;
    };

/** A rule set that judges requests. */
export type L7RuleSet = Extract<RuleSet, { kind: "l7" }>;

/** The process that opened a connection, as far as it is known. */
export interface ProcessContext {
  readonly executable?: string | undefined;
  readonly uid?: number | undefined;
  readonly cgroup?: string | undefined;
}

/** What rules may ask of a connection beside its parties and port. */
export interface Traffic {
  /** TCP unless given. */
  readonly transport?: "TCP" | "UDP" | "SCTP";
  /** Unknown unless given: no allow rule that names processes fits then, and every deny rule that does. */
  readonly process?: ProcessContext | undefined;
}

/** Answers which rule set holds; immutable. A new revision is a new object, swapped in whole. */
export interface PolicyRevision {
  /** Counts up with every accepted change. */
  readonly revision: number;
  /**
   * Rule set for traffic that an endpoint receives.
   * @param endpoint labels of the endpoint that receives
   * @param port destination port
   * @param peer identity of the client
   */
  ingress(endpoint: Identity, port: number, peer: Identity, traffic?: Traffic): RuleSet;
  /** Rule set for traffic that an endpoint sends to a peer's port. */
  egress(endpoint: Identity, port: number, peer: Identity, traffic?: Traffic): RuleSet;
  /** True when some egress rule selects the endpoint, so that its connects must be captured. */
  restrictsEgress(endpoint: Identity): boolean;
  /** Texts of `log.value` of the policies that have a rule on a connection, for its records. */
  logOf?(
    way: "ingress" | "egress",
    endpoint: Identity,
    port: number,
    peer: Identity,
    traffic?: Traffic,
  ): readonly string[];
  /** True when what is denied passes and is put on record only. */
  readonly audit?: boolean;
}
