// SPDX-License-Identifier: Apache-2.0
import { isScalar, LineCounter, parseAllDocuments, visit, type Document } from "yaml";
import { SockmeshError } from "../../core/errors.js";
import { Reader } from "../reader.js";
import { hazard } from "./guard.js";

/**
 * Reads every document of a text that is safe to parse; empty ones are none.
 * @param read reads the root of one document; what it finds wrong are the reader's errors
 * @returns what was read, and all errors in the order of the text
 */
export function readYaml<T>(
  file: string,
  text: string,
  read: (reader: Reader, root: unknown) => readonly T[],
): { readonly found: readonly T[]; readonly errors: readonly SockmeshError[] } {
  const lines = new LineCounter();
  const reader = new Reader(file, lines);
  const found: T[] = [];
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
      if (refusesAliases(reader, document)) found.push(...read(reader, contents));
    }
  return { found, errors: reader.errors };
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
