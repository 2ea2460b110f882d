// SPDX-License-Identifier: Apache-2.0
/** The policy engine: YAML to model (parse), model and identities to rule sets (resolve), rule sets that judge requests. */
export { compileTable, TableReason, type CompiledTable } from "./compile/compile.js";
export { responseTable } from "./compile/response.js";
export { IdentityRegistry, RESERVED, selects } from "./identity.js";
export type { Policy } from "./model.js";
export { parsePolicies, type Parsed } from "./parse.js";
export type { Identity, Labels, PolicyRevision, RuleSet } from "./policy.js";
export { RuleSetCache } from "./ruleset.js";
export { PolicyStore } from "./resolve.js";
