// SPDX-License-Identifier: Apache-2.0
import type { SockmeshError } from "../../core/errors.js";
import type { Policy } from "../model.js";
import { readDocument } from "./documents.js";
import { readYaml } from "./yaml.js";

/** What became of one file: all its policies, or all its errors. */
export type Parsed =
  | { readonly ok: true; readonly policies: readonly Policy[] }
  | { readonly ok: false; readonly errors: readonly SockmeshError[] };

/**
 * Reads the policies of one file: CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy (`cilium.io/v2`), NetworkPolicy
 * (`networking.k8s.io/v1`), and lists of them. Every error is reported, with file, line and field; a file with an error
 * gives no policy. Fields that mean something and are not enforced are errors, never ignored.
 */
export function parsePolicies(file: string, text: string): Parsed {
  const { found, errors } = readYaml(file, text, readDocument);
  return errors.length > 0 ? { ok: false, errors } : { ok: true, policies: found };
}
