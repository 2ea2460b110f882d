// SPDX-License-Identifier: Apache-2.0
import tseslint from "typescript-eslint";

/** Which folder may import which: the arrows of docs/ARCHITECTURE.md, held by lint. */
const MAY_IMPORT = {
  core: [],
  protocols: ["core"],
  l7policy: ["core", "protocols"],
  sockmap: ["core"],
  proxy: ["core", "protocols", "l7policy", "sockmap"],
  k8s: ["core", "l7policy"],
  cli: ["core", "protocols", "l7policy", "sockmap", "proxy", "k8s", "bench"],
  bench: ["core", "protocols", "l7policy", "sockmap", "proxy", "k8s", "cli"],
};
const FOLDERS = Object.keys(MAY_IMPORT);

/** Effects enter at the edge: only cli (and the tools around the product) may touch the process. */
const EFFECTS = {
  "no-console": "error",
  "no-restricted-globals": ["error", { name: "process", message: "effects enter in cli/" }],
  "no-restricted-syntax": [
    "error",
    { selector: "MemberExpression[object.name='Date'][property.name='now']", message: "take a Clock" },
    { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: "take a Clock" },
  ],
};

const arrows = FOLDERS.map((folder) => ({
  files: [`${folder}/**/*.ts`],
  rules: {
    "no-restricted-imports": [
      "error",
      {
        patterns: [
          {
            regex: `^(\\.\\./)+(${[...FOLDERS, "test", "examples", "scripts"].filter((f) => f !== folder && !MAY_IMPORT[folder].includes(f)).join("|")})/`,
            message: `${folder}/ may import only: ${MAY_IMPORT[folder].join(", ") || "nothing of the project"}`,
          },
          ...(folder === "proxy"
            ? [
                {
                  regex: "sockmap/(?!engine\\.js|abilities\\.js)",
                  message: "proxy/ sees only the engine's interface",
                },
              ]
            : []),
          ...(folder === "protocols" || folder === "l7policy" || folder === "core"
            ? [
                {
                  regex: "^node:(net|timers|fs|child_process|worker_threads|http|dgram)",
                  message: "no I/O here",
                },
              ]
            : []),
        ],
      },
    ],
    ...(folder === "cli" || folder === "bench" ? {} : EFFECTS),
    "max-lines":
      folder === "bench" || folder === "cli" ? "off" : ["error", { max: 500, skipBlankLines: true }],
  },
}));

export default tseslint.config(
  { ignores: ["node_modules", "dist", ".cache", ".node", "coverage", "**/*.gen.ts"] },
  ...tseslint.configs.recommended,
  {
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      eqeqeq: "error",
      "prefer-const": "error",
    },
  },
  ...arrows,
);
