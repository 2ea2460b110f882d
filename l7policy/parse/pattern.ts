// SPDX-License-Identifier: Apache-2.0
import { parseRegex } from "../regex/parse.js";
import type { HeaderRule } from "../model.js";
import { convert, text, type Shape } from "../shape/shape.js";

/** A pattern in RE2 syntax; what does not parse is an error with the position in the pattern. */
export const pattern: Shape<string> = convert(text(), (value, spot) => {
  try {
    parseRegex(value);
    return value;
  } catch (error) {
    const message = error instanceof Error ? error.message : "bad pattern";
    return spot.fail(message, "SM_POLICY_REGEX", error);
  }
});

/** Name of an HTTP header. */
export const headerName = text({
  pattern: /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/,
  says: "is no header name",
});

/** `X-Key: value` wants exactly that value, `X-Key` only its presence. Split at the first space, as Cilium does. */
export const header: Shape<HeaderRule> = convert(text({ least: 1 }), (value, spot) => {
  const space = value.indexOf(" ");
  const name = (space < 0 ? value : value.slice(0, space)).replace(/:$/, "");
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name))
    return spot.fail(`${name} is no header name; write "Name: value" with a space`);
  return { name, value: space < 0 ? undefined : value.slice(space + 1).trim() };
});
