// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { compileTable, type CompiledTable } from "../../l7policy/compile/compile.js";
import type { HttpRule } from "../../l7policy/model.js";
import { parsePolicies } from "../../l7policy/parse/parse.js";
import { RuleSetCache } from "../../l7policy/ruleset.js";
import type { FieldSpans } from "../../protocols/fields.js";
import type { Random } from "../support/random.js";

/** What a connection is judged by: a table for the kernel, and what TypeScript says. */
export interface Judge {
  readonly table: CompiledTable;
  /** Position of the rule that allows the fields, -1 none. */
  match(fields: FieldSpans): number;
  /** For messages about a disagreement. */
  readonly rules: string;
}

const AT = { file: "t", line: 1, column: 1 };
const METHODS = ["GET", "HEAD", "GET|HEAD", "GET|POST", "P.*", ".*", "[A-Z]{3}", "POST|PUT|PATCH"];
const PATHS = [
  ...[
    "/",
    "/.*",
    "/api/.*",
    "/api/items/[0-9]+",
    "/api/items/.*",
    ".*[.]js",
    ".*[?]full=1",
    "/[a-z]+(/[0-9]+)?",
  ],
  ...[
    "/api/%69.*",
    ".*;.*",
    "[*]",
    "(/[a-z0-9.]+)+",
    "/public(/.*)?",
    "/api/users/[0-9]+/orders",
    ".*//.*",
    "/static/.*",
  ],
];
const HOSTS = ["a.test", "[ab][.]test", ".*[.]internal", ".*", "b.*", "\\[::1\\]", "A[.]Test", "[0-9.]+"];
const HEADERS = [
  { name: "X-Token", value: "secret" },
  { name: "x-token", value: undefined },
  { name: "X-Token", value: "secret " },
  { name: "X-Debug", value: "" },
  { name: "User-Agent", value: "curl/7.88.1" },
  { name: "connection", value: "keep-alive" },
  { name: "Content-Length", value: undefined },
  { name: "Content-Length", value: "5" },
  { name: "Content-Type", value: "application/json" },
  { name: "Accept", value: "*/*" },
  { name: "TE", value: undefined },
  { name: "a", value: "b" },
];

const MOST_KNOWN = 12;

/** Makes judges: of made-up rules, of the policies in examples/, and of two rule sets that must both allow. */
export class JudgeSource {
  private readonly real = realRules("examples");
  private readonly known: Judge[] = [];
  /** Judges that were compiled. */
  made = 0;

  /** @param uses how often each judge is used, about */
  constructor(
    private readonly random: Random,
    private readonly uses: number,
  ) {}

  /** A judge whose table the kernel may run: a new one, or one of the last. */
  next(): Judge {
    const { random, known } = this;
    if (known.length > 0 && !random.once(this.uses)) return random.of(known);
    const made = this.make();
    this.made++;
    if (known.length < MOST_KNOWN) known.push(made);
    else known[random.below(MOST_KNOWN)] = made;
    return made;
  }

  private make(): Judge {
    for (;;) {
      const judge = this.random.once(8)
        ? conjunction(this.rules(), this.random.once(3) ? [rule({})] : this.rules())
        : judgeOf(this.rules());
      if (judge.table.kernel.eligible) return judge;
    }
  }

  private rules(): readonly HttpRule[] {
    const { random } = this;
    const kind = random.below(20);
    if (kind < 5) return [rule({})];
    if (kind < 7) return random.of(this.real);
    if (kind === 7 && random.once(3)) return this.many();
    return Array.from({ length: 1 + random.below(9) }, () => this.rule());
  }

  private rule(): HttpRule {
    const { random } = this;
    const maybe = (values: readonly string[]): string | undefined =>
      random.once(2) ? random.of(values) : undefined;
    const headers = random.once(3)
      ? Array.from({ length: 1 + random.below(2) }, () => random.of(HEADERS))
      : [];
    return rule({
      method: maybe(METHODS),
      path: maybe(PATHS),
      host: random.once(2) ? maybe(HOSTS) : undefined,
      headers,
    });
  }

  /** So many paths that the table is of a larger size. */
  private many(): readonly HttpRule[] {
    const { random } = this;
    return Array.from({ length: 100 + random.below(100) }, (_, i) =>
      rule({ path: `/api/(items|users)/${i}(/[a-z]+)?`, method: random.of(METHODS) }),
    );
  }
}

/** The judge of one rule set. */
export function judgeOf(given: readonly HttpRule[]): Judge {
  const set = new RuleSetCache().http(given);
  return { table: set.table, match: (fields) => set.match(fields), rules: describe(set.rules) };
}

function conjunction(one: readonly HttpRule[], other: readonly HttpRule[]): Judge {
  const [first, second] = [new RuleSetCache().http(one), new RuleSetCache().http(other)];
  return {
    table: compileTable([first.rules, second.rules]),
    match: (fields) => (second.match(fields) < 0 ? -1 : first.match(fields)),
    rules: `${describe(first.rules)} and ${describe(second.rules)}`,
  };
}

/** A rule of which only some fields are given. */
export function rule(fields: Partial<Omit<HttpRule, "at">>): HttpRule {
  return { at: AT, method: undefined, path: undefined, host: undefined, headers: [], ...fields };
}

function describe(rules: readonly HttpRule[]): string {
  const shown = rules.slice(0, 8).map(({ method, path, host, headers }) => ({ method, path, host, headers }));
  return (
    JSON.stringify(shown) + (rules.length > shown.length ? ` and ${rules.length - shown.length} more` : "")
  );
}

/** The HTTP rules of each `toPorts` entry of the policies below a folder. */
function realRules(folder: string): (readonly HttpRule[])[] {
  const found: (readonly HttpRule[])[] = [];
  const collect = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const { family, rules } = value as { family?: unknown; rules?: unknown };
    if (family === "http" && Array.isArray(rules)) found.push(rules as HttpRule[]);
    else for (const inner of Object.values(value)) collect(inner);
  };
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) found.push(...realRules(path));
    else if (name.endsWith(".yaml")) {
      const parsed = parsePolicies(path, readFileSync(path, "utf8"));
      if (parsed.ok) collect(parsed.policies);
    }
  }
  return found;
}
