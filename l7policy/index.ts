// SPDX-License-Identifier: Apache-2.0
/** The policy engine: YAML to model (parse), model and identities to rule sets (resolve), rule sets that judge requests. */
export { compileTable, TableReason, type CompiledTable } from "./compile/compile.js";
export { responseTable } from "./compile/response.js";
export { IdentityRegistry } from "./identity/registry.js";
export { PrefixTable } from "./identity/prefix-table.js";
export { RESERVED } from "./identity/reserved.js";
export type { Service } from "./identity/tables.js";
export type { Policy } from "./model.js";
export { parsePolicies, type Parsed } from "./parse/parse.js";
export type { Identity, Labels, PolicyRevision, RuleSet } from "./policy.js";
export { enforceable, type Abilities } from "./resolve/enforce.js";
export { PolicyStore, type PolicyOptions } from "./resolve/store.js";
export { RuleSetCache } from "./ruleset.js";
