// SPDX-License-Identifier: Apache-2.0
import { isScalar, LineCounter, parseAllDocuments, visit, type Document } from "yaml";
import { SockmeshError } from "../../core/errors.js";
import type { Policy } from "../model.js";
import { Reader } from "../reader.js";
import { readDocument } from "./documents.js";
import { hazard } from "./guard.js";

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
  const lines = new LineCounter();
  const reader = new Reader(file, lines);
  const policies: Policy[] = [];
  const problem = hazard(text);
  if (problem) {
    const line = text.slice(0, problem.offset).split("\n").length;
    const at = { file, line, column: problem.offset - text.lastIndexOf("\n", problem.offset - 1) };
    reader.errors.push(new SockmeshError("SM_POLICY_SYNTAX", problem.message, { at }));
  } else
    for (const document of documentsOf(text, lines)) {
      for (const { pos, message } of [...document.errors, ...document.warnings]) {
        const { line, col } = lines.linePos(pos[0]);
        const at = { file, line, column: col };
        reader.errors.push(new SockmeshError("SM_POLICY_SYNTAX", message.split("\n")[0] ?? "", { at }));
      }
      const { contents } = document;
      if (document.errors.length > 0 || contents === null || (isScalar(contents) && contents.value === null))
        continue;
      if (refusesAliases(reader, document)) policies.push(...readDocument(reader, document.contents));
    }
  return reader.errors.length > 0 ? { ok: false, errors: reader.errors } : { ok: true, policies };
}

function documentsOf(text: string, lineCounter: LineCounter): readonly Document.Parsed[] {
  // Keys that stand twice are found when they are read: the parser takes quadratic time to look for them.
  const documents = parseAllDocuments(text, { lineCounter, uniqueKeys: false, strict: true });
  return Array.isArray(documents) ? documents : [];
}

/** Anchors are harmless, but what refers to them makes small files large: none is read. */
function refusesAliases(reader: Reader, document: Document.Parsed): boolean {
  let clean = true;
  visit(document, {
    Alias(_key, node) {
      clean = false;
      reader.fail("SM_POLICY_SYNTAX", node, "", "anchors and aliases are not read");
      return visit.BREAK;
    },
  });
  return clean;
}
