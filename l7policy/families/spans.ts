// SPDX-License-Identifier: Apache-2.0
import { FieldSpans, HttpField } from "../../protocols/fields.js";
import type { L7Request } from "./requests.js";

/** An HTTP request as rule sets see it. Texts are UTF-8. */
export function httpFields(request: Extract<L7Request, { family: "http" }>): FieldSpans {
  const { method, path, host, headers } = request;
  const texts: [kind: number, text: string][] = [
    [HttpField.method, method],
    [HttpField.path, path],
    [HttpField.host, host],
    ...headers.flatMap(
      ([name, value]) =>
        [
          [HttpField.headerName, name],
          [HttpField.headerValue, value],
        ] as [number, string][],
    ),
  ];
  const parts = texts.map(([, text]) => Buffer.from(text, "utf8"));
  const fields = new FieldSpans();
  fields.reset(Buffer.concat(parts));
  let at = 0;
  texts.forEach(([kind], i) => {
    const end = at + (parts[i]?.length ?? 0);
    fields.add(kind, at, end);
    at = end;
  });
  return fields;
}
