// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { masked, parsePrefix, type Prefix } from "../../../core/address.js";
import { nameFits, serverNameFits } from "../../../l7policy/families/names.js";
import { EndpointTable } from "../../../l7policy/identity/endpoints.js";
import { LabelFilter } from "../../../l7policy/identity/filter.js";
import { NameTable } from "../../../l7policy/identity/names.js";
import { IdentityRegistry } from "../../../l7policy/identity/registry.js";
import { Selections } from "../../../l7policy/identity/selections.js";
import { PortNames } from "../../../l7policy/identity/tables.js";
import { PrefixTable, RESERVED } from "../../../l7policy/index.js";
import type { Selector } from "../../../l7policy/model.js";
import { FakeClock } from "../../support/sidecar.js";

const prefix = (text: string): Prefix => {
  const found = parsePrefix(text);
  if (!found) throw new Error(text);
  return found;
};
const selector = (...requirements: Selector["requirements"]): Selector => ({
  at: { file: "", line: 1, column: 1 },
  requirements,
});
const wants = (key: string, ...values: string[]) => ({ key, operator: "In", values }) as const;

describe("numbers", () => {
  test("label sets count from 256; equal ones are one, whatever their order and source", () => {
    const registry = new IdentityRegistry();
    const first = registry.identityOf({ app: "a", tier: "web" });
    expect(first).toBe(256);
    expect(registry.identityOf({ "k8s:tier": "web", app: "a" })).toBe(first);
    expect(registry.identityOf({ "container:tier": "web", app: "a" })).toBe(257);
    expect(registry.identityOf({ app: "a", tier: "web", "io.kubernetes.pod.namespace": "default" })).toBe(
      first,
    );
    expect(registry.identityOf({ app: "a", tier: "web", "io.kubernetes.pod.namespace": "x" })).toBe(258);
    expect(registry.labelsOf(first)["k8s:io.kubernetes.pod.namespace"]).toBe("default");
  });

  test("reserved ones have their labels; nobody may claim these", () => {
    const registry = new IdentityRegistry();
    expect(RESERVED).toMatchObject({
      unknown: 0,
      host: 1,
      world: 2,
      init: 5,
      "kube-apiserver": 7,
      ingress: 8,
    });
    expect(registry.labelsOf(RESERVED.host)).toEqual({ "reserved:host": "" });
    expect(Object.keys(registry.labelsOf(RESERVED["kube-apiserver"]))).toContain("reserved:remote-node");
    for (const key of ["reserved:host", "cidr:10.0.0.0/8", "fqdn:a"])
      expect(() => registry.identityOf({ [key]: "" })).toThrow("no workload may claim it");
  });

  test("the administrator may give numbers from 128 to 255", () => {
    const registry = new IdentityRegistry();
    registry.reserve(130, { app: "dns" });
    expect(registry.identityOf({ app: "dns" })).toBe(130);
    expect(() => registry.reserve(130, { app: "b" })).toThrow("is taken");
    expect(() => registry.reserve(131, { app: "dns" })).toThrow("have a number already");
    expect(() => registry.reserve(127, { app: "b" })).toThrow("is not from 128 to 255");
    expect(() => registry.reserve(256, { app: "b" })).toThrow("is not from 128 to 255");
  });

  test("released numbers keep their labels until all others are used, the longest unused goes first", () => {
    const registry = new IdentityRegistry();
    const all = Array.from({ length: 65_536 - 256 }, (_, i) => registry.acquire({ app: `a${i}` }));
    expect(all.at(-1)).toBe(65_535);
    expect(() => registry.acquire({ app: "one more" })).toThrow("no identity is left");
    registry.release(300);
    registry.release(299);
    expect(registry.labelsOf(300)["k8s:app"]).toBe("a44");
    expect(registry.acquire({ app: "a43" })).toBe(299);
    expect(registry.acquire({ app: "one more" })).toBe(300);
    expect(registry.labelsOf(300)["k8s:app"]).toBe("one more");
    expect(() => registry.acquire({ app: "a44" })).toThrow("no identity is left");
  });

  test("addresses outside: one local number for each block and set of names", () => {
    const registry = new IdentityRegistry();
    const ten = registry.worldIdentity(prefix("10.0.0.0/8"), []);
    expect(ten).toBe((1 << 24) + 1);
    expect(registry.worldIdentity(prefix("10.1.2.3/8"), [])).toBe(ten);
    expect(registry.worldIdentity(prefix("10.0.0.0/8"), ["b", "a"])).toBe(ten + 1);
    expect(registry.worldIdentity(prefix("10.0.0.0/8"), ["a", "b"])).toBe(ten + 1);
    expect(registry.worldIdentity(undefined, ["a"])).toBe(ten + 2);
    expect(registry.worldIdentity(undefined, [])).toBe(RESERVED.world);
    expect(registry.labelsOf(ten + 1)).toEqual({
      "reserved:world": "",
      "cidr:10.0.0.0/8": "",
      "fqdn:a": "",
      "fqdn:b": "",
    });
  });
});

describe("which labels count", () => {
  const kept = (labels: Record<string, string>, ...own: string[]): string[] =>
    Object.keys(new LabelFilter(own).keep(labels));

  test("by default what changes with every rollout does not", () => {
    expect(
      kept({
        "k8s:app": "a",
        "k8s:app.kubernetes.io/name": "a",
        "k8s:io.kubernetes.pod.namespace": "a",
        "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name": "a",
        "k8s:pod-template-hash": "a",
        "k8s:controller-revision-hash": "a",
        "k8s:statefulset.kubernetes.io/pod-name": "a",
        "k8s:topology.beta.kubernetes.io/zone": "a",
        "k8s:io.kubernetes.other": "a",
        "k8s:annotation.x": "a",
      }),
    ).toEqual([
      "k8s:app",
      "k8s:app.kubernetes.io/name",
      "k8s:io.kubernetes.pod.namespace",
      "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name",
    ]);
  });

  test("with rules that keep, what no rule names goes; the longer match wins; sources count", () => {
    const labels = { "k8s:foo": "", "k8s:foo.bar": "", "k8s:baz": "", "container:foo.bar": "" };
    expect(kept(labels, "!foo", "k8s:foo.bar")).toEqual(["k8s:foo.bar"]);
    expect(kept(labels, "!foo")).toEqual(["k8s:baz"]);
    expect(() => kept(labels, "foo(")).toThrow("label filter foo(");
    expect(kept(labels, "k8s:!foo")).toEqual(["k8s:baz", "container:foo.bar"]);
  });
});

describe("selections", () => {
  test("any: finds every source, a source only itself", () => {
    const registry = new IdentityRegistry();
    const selections = new Selections(registry);
    const one = registry.identityOf({ app: "a" });
    const other = registry.identityOf({ "container:app": "a" });
    const members = (key: string) => [...selections.of(selector(wants(key, "a")))];
    expect(members("any:app")).toEqual([one, other]);
    expect(members("k8s:app")).toEqual([one]);
    expect(members("container:app")).toEqual([other]);
    expect([...selections.of(selector(wants("reserved:host", "")))]).toEqual([RESERVED.host]);
  });

  test("equal selectors are one; those out of use are forgotten", () => {
    const registry = new IdentityRegistry();
    const selections = new Selections(registry);
    const one = selections.of(selector(wants("any:a", "x", "y"), wants("any:b", "z")));
    expect(selections.of(selector(wants("any:b", "z"), wants("any:a", "y", "x")))).toBe(one);
    selections.keep(new Set());
    registry.identityOf({ a: "x", b: "z" });
    expect(one.size).toBe(0);
    expect(selections.of(selector(wants("any:a", "x", "y"), wants("any:b", "z"))).size).toBe(1);
  });

  test("the index finds what looking at everything finds, whatever comes first", () => {
    const key = fc.constantFrom("a", "b", "c");
    const value = fc.constantFrom("x", "y", "z");
    const labels = fc.array(fc.dictionary(key, value), { maxLength: 8 });
    const requirement = fc.oneof(
      fc.record({
        key: key.map((one) => `any:${one}`),
        operator: fc.constantFrom("In" as const, "NotIn" as const),
        values: fc.uniqueArray(value, { minLength: 1 }),
      }),
      fc.record({
        key: key.map((one) => `k8s:${one}`),
        operator: fc.constantFrom("Exists" as const, "DoesNotExist" as const),
        values: fc.constant([]),
      }),
    );
    const selectors = fc.array(fc.array(requirement, { maxLength: 3 }), { maxLength: 8 });
    fc.assert(
      fc.property(labels, selectors, labels, (before, wanted, after) => {
        const registry = new IdentityRegistry();
        const selections = new Selections(registry);
        for (const one of before) registry.identityOf(one);
        const all = wanted.map((requirements) => selections.of(selector(...requirements)));
        for (const one of after) registry.identityOf(one);
        for (const selection of all) {
          const expected = [...registry.all()].filter((info) => info.labels.fits(selection.selector));
          expect([...selection].sort()).toEqual(expected.map(({ identity }) => identity).sort());
        }
      }),
      { numRuns: 300 },
    );
  });
});

test("addresses: the longest prefix, IPv4 and IPv6 apart", () => {
  const table = new PrefixTable<string>();
  table.set(prefix("::/0"), "six");
  expect(table.get("10.0.0.1")).toBeUndefined();
  table.set(prefix("0.0.0.0/0"), "four");
  table.set(prefix("10.1.0.0/16"), "b");
  table.set(prefix("10.0.0.0/8"), "a");
  table.set(prefix("10.1.2.3"), "c");
  expect(
    ["10.2.0.1", "10.1.0.1", "10.1.2.3", "11.0.0.1", "::ffff:10.1.0.1", "2001:db8::1", "x"].map((a) =>
      table.get(a),
    ),
  ).toEqual(["a", "b", "c", "four", "b", "six", undefined]);
  table.delete(prefix("10.1.0.0/16"));
  expect(table.get("10.1.0.1")).toBe("a");
});

test("addresses: as looking at every prefix", () => {
  const any = fc
    .tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }))
    .map(([ip, length]) => prefix(`${ip}/${length}`));
  fc.assert(
    fc.property(fc.array(any), fc.ipV4(), (prefixes, address) => {
      const table = new PrefixTable<number>();
      prefixes.forEach((one, i) => table.set(one, i));
      const { bits } = prefix(address);
      const within = prefixes
        .map(({ bits: own, length }, i) => ({ i, length, hit: masked(bits, length) === own }))
        .filter(({ hit }) => hit)
        .sort((a, b) => b.length - a.length || b.i - a.i)[0];
      expect(table.get(address)).toBe(within?.i);
    }),
  );
});

test("names of addresses, until they expire", () => {
  const names = new NameTable();
  names.learn("Example.COM.", ["192.0.2.1", "2001:db8::1"], 100);
  names.learn("b.test", ["192.0.2.1"], 200);
  names.learn("example.com", ["192.0.2.1"], 50);
  expect([...names.of("192.0.2.1")]).toEqual(["example.com", "b.test"]);
  expect([...names.of("::ffff:192.0.2.1")]).toEqual(["example.com", "b.test"]);
  names.expire(100);
  expect([...names.of("2001:db8:0::1")]).toEqual(["example.com"]);
  names.expire(101);
  expect([...names.of("192.0.2.1")]).toEqual(["b.test"]);
  expect([...names.of("2001:db8::1")]).toEqual([]);
});

describe("endpoints", () => {
  test("changed labels take effect after the grace time, once", () => {
    const clock = new FakeClock();
    const registry = new IdentityRegistry();
    const changes: [string, number][] = [];
    const table = new EndpointTable(
      registry,
      new PortNames(),
      clock,
      (...change) => changes.push(change),
      5000,
    );
    const before = table.set("web", { labels: { app: "a" } });
    expect(table.set("web", { labels: { app: "b" } })).toBe(before);
    clock.pass(4000);
    table.set("web", { labels: { app: "c" } });
    clock.pass(4000);
    expect(table.identityOf("web")).toBe(before);
    clock.pass(1000);
    const after = table.identityOf("web");
    expect(registry.labelsOf(after ?? 0)["k8s:app"]).toBe("c");
    expect(changes).toEqual([["web", after]]);
    table.delete("web");
    expect(table.identityOf("web")).toBeUndefined();
  });

  test("an endpoint that ends in its grace time changes nothing more", () => {
    const clock = new FakeClock();
    const changes: unknown[] = [];
    const table = new EndpointTable(new IdentityRegistry(), new PortNames(), clock, (name) =>
      changes.push(name),
    );
    table.set("web", { labels: { app: "a" } });
    table.set("web", { labels: { app: "b" } });
    table.delete("web");
    clock.pass(60_000);
    expect(changes).toEqual([]);
  });

  test("named ports are those of the endpoints of an identity", () => {
    const ports = new PortNames();
    const table = new EndpointTable(new IdentityRegistry(), ports, new FakeClock());
    const http = (port: number) => [{ name: "HTTP", port, transport: "TCP" as const }];
    const one = table.set("a", { labels: { app: "a" }, ports: http(80) });
    table.set("b", { labels: { app: "a" }, ports: http(81) });
    expect([80, 81, 82].map((port) => ports.fits(one, "http", port, "TCP"))).toEqual([true, true, false]);
    expect(ports.fits(one, "http", 80, "UDP")).toBe(false);
    table.delete("a");
    expect([80, 81].map((port) => ports.fits(one, "http", port, "TCP"))).toEqual([false, true]);
  });
});

describe("names and patterns", () => {
  const at = { file: "", line: 1, column: 1 };
  test.each([
    [
      "*.cilium.io",
      ["www.cilium.io", "WWW.CILIUM.IO", "www.cilium.io."],
      ["cilium.io", "a.b.cilium.io", ".cilium.io"],
    ],
    ["*cilium.io", ["cilium.io", "subcilium.io", "sub-cilium.io"], ["www.cilium.io"]],
    ["sub*.cilium.io", ["sub.cilium.io", "subdomain.cilium.io"], ["cilium.io", "xsub.cilium.io"]],
    ["**.cilium.io", ["app.cilium.io", "test.app.cilium.io"], ["cilium.io", "xcilium.io"]],
    ["part*ial.com", ["partial.com", "part-extra-ial.com"], ["part.ial.com"]],
    ["*.ci*.io", ["anysub.cilium.io", "anysub.ci.io"], ["cilium.io", "a.b.cilium.io"]],
    ["*", [".", "_foobar._tcp.cilium.io.", "a"], [".io.", "a..b"]],
    ["**.", [".", "a.b"], []],
    ["a.**.b", ["a.x.b", "a.xy.b"], ["a.x.y.b", "a.b"]],
    ["a*b*c.d", ["abc.d", "axxbyyc.d"], ["acb.d", "ab.d"]],
  ])("pattern %s", (text, yes, no) => {
    for (const name of yes)
      expect([name, nameFits({ at, kind: "pattern", text }, name)]).toEqual([name, true]);
    for (const name of no)
      expect([name, nameFits({ at, kind: "pattern", text }, name)]).toEqual([name, false]);
  });

  test("a name is itself, without letter case and final dot", () => {
    expect(nameFits({ at, kind: "name", text: "CILIUM.io" }, "cilium.io.")).toBe(true);
    expect(nameFits({ at, kind: "name", text: "cilium.io." }, "www.cilium.io")).toBe(false);
    expect(nameFits({ at, kind: "name", text: "cilium.io" }, "ciliumxio")).toBe(false);
  });

  test.each([
    ["example.com", ["EXaMpLE.COM"], ["www.example.com", ""]],
    ["*.example.com", ["www.example.com"], ["example.com", "a.b.example.com"]],
    ["sub.**.example.com", ["sub.foo.bar-007.example.com", "sub.x.example.com"], ["sub.example.com"]],
    ["**.example.com", ["a.example.com", "a.b.example.com"], ["example.com"]],
    ["**", ["a", "a.b.c"], [""]],
    ["*", ["a"], ["a.b"]],
    ["a*.b", ["a.b", "axx.b"], ["b.b"]],
    ["**.a.**.b", ["x.a.y.b", "x.a.a.y.b", "a.a.a.b"], ["a.a.b", "x.a.b"]],
  ])("server name %s", (pattern, yes, no) => {
    for (const name of yes) expect([name, serverNameFits(pattern, name)]).toEqual([name, true]);
    for (const name of no) expect([name, serverNameFits(pattern, name)]).toEqual([name, false]);
  });

  test("patterns made to take long do not", () => {
    const text = `${"*a".repeat(120)}.com`;
    expect(nameFits({ at, kind: "pattern", text }, `${"a".repeat(200)}b.com`)).toBe(false);
    expect(serverNameFits(`${"**.".repeat(80)}com`, `${"a.".repeat(120)}org`)).toBe(false);
  });
});
