// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "@jest/globals";
import { parsePolicies, PolicyStore, RESERVED } from "../../../l7policy/index.js";
import type { ProcessContext, RuleSet } from "../../../l7policy/policy.js";
import { warming } from "../../../l7policy/resolve/warm.js";

const HEAD = `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: { name: x }
spec:
  endpointSelector: { matchLabels: { app: backend } }
`;
const store = new PolicyStore();
const backend = store.identities.identityOf({ app: "backend" });

function revision(...rules: string[]) {
  const parsed = parsePolicies("p.yaml", HEAD + rules.map((rule) => `  ${rule}\n`).join(""));
  if (!parsed.ok) throw parsed.errors[0];
  return store.resolve(parsed.policies);
}

function asked(made: ReturnType<typeof revision>, process?: ProcessContext): RuleSet {
  return made.ingress(backend, 80, RESERVED.world, { process });
}

test("what is unknown of a process fits no allow rule, and every deny rule", () => {
  const entry = "[{ executable: /a/*, uid: 5 }, { cgroup: /g }]";
  const allow = revision(`ingress: [{ fromProcess: ${entry} }]`);
  const deny = revision("ingress: [{ fromEntities: [all] }]", `ingressDeny: [{ fromProcess: ${entry} }]`);
  const table: readonly [ProcessContext | undefined, "allow" | "deny", "allow" | "deny"][] = [
    [undefined, "deny", "deny"],
    [{}, "deny", "deny"],
    [{ executable: "/a/b", uid: 5, cgroup: "/" }, "allow", "deny"],
    [{ executable: "/b", uid: 5, cgroup: "/g" }, "allow", "deny"],
    [{ executable: "/b", uid: 5, cgroup: "/" }, "deny", "allow"],
    [{ executable: "/a/b", uid: 6, cgroup: "/" }, "deny", "allow"],
    // The user is another: which executable it is makes no difference.
    [{ uid: 6, cgroup: "/" }, "deny", "allow"],
    [{ uid: 5, cgroup: "/" }, "deny", "deny"],
    [{ uid: 6 }, "deny", "deny"],
    [{ executable: "/a/b", cgroup: "/" }, "deny", "deny"],
  ];
  for (const [process, whereAllowed, whereDenied] of table)
    expect({ process, set: asked(allow, process).kind, denying: asked(deny, process).kind }).toEqual({
      process,
      set: whereAllowed,
      denying: whereDenied,
    });
  const nobody = revision("ingress: [{ fromEntities: [all] }]", "ingressDeny: [{ fromProcess: [] }]");
  expect(asked(nobody).kind).toBe("allow");
});

test("paths are asked for only where a rule names them and nothing else decides", () => {
  let looked = 0;
  const process = {
    uid: 5,
    get executable() {
      looked++;
      return "/a";
    },
    get cgroup(): string {
      throw new Error("no rule names it");
    },
  };
  expect(asked(revision("ingress: [{ fromProcess: [{ uid: 5 }] }]"), process).kind).toBe("allow");
  const other = revision("ingress: [{ fromProcess: [{ uid: 6, executable: /a }] }]");
  expect(asked(other, process).kind).toBe("deny");
  expect(looked).toBe(0);
  const both = revision("ingress: [{ fromProcess: [{ uid: 5, executable: /a }] }]");
  expect(asked(both, process).kind).toBe("allow");
  expect(looked).toBeGreaterThan(0);
});

test("each process has the requests of its rules, worked out once and ahead", () => {
  const rule = (process: string, path: string) =>
    `{ fromProcess: [${process}], toPorts: [{ ports: [{ port: "80" }], rules: { http: [{ path: ${path} }] } }] }`;
  const made = revision(
    `ingress: [${rule("{ executable: /a }", "/one")}, ${rule("{ uid: 5 }", "/two")}, ${rule("{ executable: '/*' }", "/all")}]`,
  );
  expect(made.namesProcesses).toBe(true);
  expect(revision("ingress: [{ fromEntities: [all] }]").namesProcesses).toBe(false);
  for (const step of warming(made, backend, [RESERVED.world])) void step;
  const rules = (process: ProcessContext): unknown => {
    const set = asked(made, process);
    return set.kind === "l7" ? set.rules?.map(({ path }) => path) : set.kind;
  };
  for (let times = 0; times < 2; times++) {
    expect(rules({ executable: "/a", uid: 1 })).toEqual(["/all", "/one"]);
    expect(rules({ executable: "/a", uid: 5 })).toEqual(["/all", "/one", "/two"]);
    expect(rules({ executable: "/b", uid: 1 })).toEqual(["/all"]);
    expect(rules({ uid: 5 })).toEqual(["/two"]);
    expect(rules({ uid: 1 })).toBe("deny");
  }
  expect(asked(made, { executable: "/b", uid: 1 })).toBe(asked(made, { executable: "/c", uid: 2 }));
});
