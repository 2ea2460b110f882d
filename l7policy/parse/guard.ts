// SPDX-License-Identifier: Apache-2.0
import { Lexer } from "yaml";

const MOST_BYTES = 8 << 20;
const MOST_TOKENS = 1_000_000;
const MOST_BRACKETS = 100;
const MOST_INDENT = 200;
const MOST_IN_LINE = 20;
/** Comes before the text of a scalar, which may look like an indicator. */
const SCALAR = "\x1f";

/** Where and why a text is not given to the YAML parser, which recurses and keeps every token. */
export interface Hazard {
  readonly offset: number;
  readonly message: string;
}

/** Looks for what would make the YAML parser take too much memory, time or stack; undefined when there is nothing. */
export function hazard(text: string): Hazard | undefined {
  if (text.length > MOST_BYTES) return { offset: 0, message: `the file is larger than ${MOST_BYTES} bytes` };
  let offset = 0;
  let tokens = 0;
  let brackets = 0;
  let inLine = 0;
  let lineStart = true;
  let scalar = false;
  for (const token of new Lexer().lex(text)) {
    if (++tokens > MOST_TOKENS) return { offset, message: `the file has more than ${MOST_TOKENS} tokens` };
    const isText = scalar;
    scalar = token === SCALAR;
    if (isText) lineStart = token.endsWith("\n");
    else if (token === "[" || token === "{") {
      if (++brackets > MOST_BRACKETS)
        return { offset, message: `brackets are nested deeper than ${MOST_BRACKETS}` };
    } else if ((token === "]" || token === "}") && brackets > 0) brackets--;
    else if (token === "-" || token === "?") {
      if (++inLine > MOST_IN_LINE)
        return { offset, message: `more than ${MOST_IN_LINE} lists are opened in one line` };
    } else if (lineStart && token.length > MOST_INDENT && /^ +$/.test(token))
      return { offset, message: `a line is indented by more than ${MOST_INDENT} columns` };
    if (!isText && !CONTROL.has(token)) lineStart = false;
    if (token.endsWith("\n")) {
      lineStart = true;
      inLine = 0;
    }
    // The lexer's own marks (document, flow end, scalar) do not stand in the text.
    if (!CONTROL.has(token)) offset += token.length;
  }
  return undefined;
}

const CONTROL: ReadonlySet<string> = new Set(["\x02", "\x18", SCALAR]);
