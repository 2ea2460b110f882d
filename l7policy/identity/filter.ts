// SPDX-License-Identifier: Apache-2.0
import { SockmeshError } from "../../core/errors.js";
import type { Labels } from "../policy.js";

interface FilterRule {
  readonly exclude: boolean;
  readonly source: string | undefined;
  readonly pattern: RegExp;
}

/**
 * Which labels make an identity. Rules are `[source:][!]pattern`: a pattern that matches from the start of a key keeps
 * it, or with `!` leaves it out. Where both match, the longer match wins. A label that no rule matches is kept unless
 * the user gave rules that keep.
 */
export class LabelFilter {
  private readonly rules: readonly FilterRule[];
  private readonly keepOthers: boolean;

  /** @param own rules of the user, beside the default ones; throws SM_CONFIG_INVALID for a pattern that is none */
  constructor(own: readonly string[] = []) {
    this.rules = [...DEFAULT_RULES, ...own].map(ruleOf);
    this.keepOthers = own.map(ruleOf).every((rule) => rule.exclude);
  }

  /** The labels that count; keys with their source. */
  keep(labels: Labels): Labels {
    return Object.fromEntries(Object.entries(labels).filter(([key]) => this.keeps(key)));
  }

  private keeps(full: string): boolean {
    const colon = full.indexOf(":");
    const source = full.slice(0, colon);
    const key = full.slice(colon + 1);
    let kept = 0;
    let left = 0;
    for (const rule of this.rules) {
      if (rule.source !== undefined && rule.source !== source) continue;
      const length = rule.pattern.exec(key)?.[0].length;
      if (length === undefined) continue;
      if (!rule.exclude) kept = Math.max(kept, length);
      else left = left === 0 ? length : Math.min(left, length);
    }
    return (this.keepOthers && left === 0) || kept > left;
  }
}

function ruleOf(text: string): FilterRule {
  const [, source, not, pattern = ""] = /^(?:([a-z0-9-]+):)?(!?)(.*)$/s.exec(text) ?? [];
  try {
    return { source, exclude: not === "!", pattern: new RegExp(`^(?:${pattern})`) };
  } catch (cause) {
    throw new SockmeshError("SM_CONFIG_INVALID", `label filter ${text}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** As Cilium's: what names a workload stays, what changes with every rollout or replica goes. */
export const DEFAULT_RULES: readonly string[] = [
  "reserved:.*",
  String.raw`io\.kubernetes\.pod\.namespace`,
  String.raw`io\.cilium\.k8s\.namespace\.labels`,
  String.raw`app\.kubernetes\.io`,
  String.raw`io\.cilium\.k8s\.policy\.cluster`,
  String.raw`io\.cilium\.k8s\.policy\.serviceaccount`,
  String.raw`!io\.kubernetes`,
  String.raw`!kubernetes\.io`,
  String.raw`!statefulset\.kubernetes\.io/pod-name`,
  String.raw`!apps\.kubernetes\.io/pod-index`,
  String.raw`!batch\.kubernetes\.io/job-completion-index`,
  String.raw`!batch\.kubernetes\.io/controller-uid`,
  String.raw`!.*beta\.kubernetes\.io`,
  String.raw`!k8s\.io`,
  "!pod-template-generation",
  "!pod-template-hash",
  "!controller-revision-hash",
  "!annotation.*",
  "!controller-uid",
  "!etcd_node",
];
