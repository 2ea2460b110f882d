// SPDX-License-Identifier: Apache-2.0
/** Groups of commands that are counted apart, in text as in binary. */
export const GROUPS = ["get", "store", "delete", "count", "touch", "meta", "other"] as const;

const NAMES: Readonly<Record<string, (typeof GROUPS)[number]>> = {
  ...{ get: "get", gets: "get", bget: "get" },
  ...{ set: "store", add: "store", replace: "store", append: "store", prepend: "store", cas: "store" },
  ...{ delete: "delete", incr: "count", decr: "count", touch: "touch", gat: "touch", gats: "touch" },
  ...{ mg: "meta", ms: "meta", md: "meta", ma: "meta", me: "meta", mn: "meta" },
};

/** The group of a command by its name. */
export function groupOf(name: string): number {
  return GROUPS.indexOf(NAMES[name] ?? "other");
}

/** The group of what is no command. */
export const NO_GROUP = GROUPS.indexOf("other");
