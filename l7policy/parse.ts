// SPDX-License-Identifier: Apache-2.0
import { LineCounter, parseAllDocuments, visit } from "yaml";
import { SockmeshError } from "../core/errors.js";
import type {
  Direction,
  DirectionRule,
  HeaderRule,
  HttpRule,
  LabelRequirement,
  PeerRule,
  Policy,
  PortRange,
  PortRule,
  Selector,
} from "./model.js";
import { Reader } from "./reader.js";
import { parseRegex } from "./regex/parse.js";

const MOST_BYTES = 8 << 20;

/** What became of one file: all its policies, or all its errors. */
export type Parsed =
  | { readonly ok: true; readonly policies: readonly Policy[] }
  | { readonly ok: false; readonly errors: readonly SockmeshError[] };

const LATER = "is not supported; nothing may be ignored, so the policy is refused";
const RULE_REFUSED = Object.fromEntries(
  [
    "fromCIDR",
    "fromCIDRSet",
    "toCIDR",
    "toCIDRSet",
    "toServices",
    "toFQDNs",
    "fromNodes",
    "toNodes",
    "fromGroups",
    "toGroups",
    "fromRequires",
    "toRequires",
    "icmps",
    "authentication",
  ].map((field) => [field, `${field} ${LATER}`]),
);
const PORTS_REFUSED = Object.fromEntries(
  ["terminatingTLS", "originatingTLS", "serverNames", "listener"].map((field) => [
    field,
    `${field} ${LATER}`,
  ]),
);
const L7_REFUSED = Object.fromEntries(
  ["dns", "kafka", "l7proto", "l7"].map((field) => [field, `${field} rules: ${LATER}`]),
);
const SPEC_REFUSED = { nodeSelector: "host policies are not for sidecars", log: `log ${LATER}` };
const ENTITIES = [
  "all",
  "world",
  "cluster",
  "host",
  "init",
  "ingress",
  "unmanaged",
  "remote-node",
  "health",
  "none",
  "kube-apiserver",
];
const PROTOCOLS = ["TCP", "ANY"];

/**
 * Reads the CiliumNetworkPolicy documents of one file (`cilium.io/v2`). Every error is reported, with file, line and
 * field; a file with an error gives no policy. Fields that are not enforced are errors, never ignored.
 */
export function parsePolicies(file: string, text: string): Parsed {
  const lines = new LineCounter();
  const reader = new Reader(file, lines);
  if (text.length > MOST_BYTES) {
    reader.fail("SM_POLICY_SYNTAX", undefined, "", `the file is larger than ${MOST_BYTES} bytes`);
    return { ok: false, errors: reader.errors };
  }
  const policies: Policy[] = [];
  for (const document of parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true, strict: true })) {
    for (const problem of [...document.errors, ...document.warnings]) {
      const { line, col } = lines.linePos(problem.pos[0]);
      const message = problem.message.split("\n")[0] ?? "";
      reader.errors.push(new SockmeshError("SM_POLICY_SYNTAX", message, { at: { file, line, column: col } }));
    }
    if (document.errors.length > 0 || document.contents === null) continue;
    let aliased = false;
    visit(document, {
      Alias: (_key, node) => {
        aliased = true;
        reader.fail("SM_POLICY_SYNTAX", node, "", "anchors and aliases are not read");
        return visit.BREAK;
      },
    });
    if (!aliased) policies.push(...readDocument(reader, document.contents));
  }
  return reader.errors.length > 0 ? { ok: false, errors: reader.errors } : { ok: true, policies };
}

function readDocument(reader: Reader, node: unknown): Policy[] {
  const fields = reader.map(node, "", ["apiVersion", "kind", "metadata", "spec", "specs"], {
    status: "status is written by controllers",
  });
  if (!fields) return [];
  const expect = (field: string, value: string): void => {
    const entry = fields.get(field);
    if (!entry) reader.fail("SM_POLICY_FIELD", node, field, `is missing; must be ${value}`);
    else if (reader.text(entry.value, field) !== value)
      reader.fail("SM_POLICY_FIELD", entry.value, field, `must be ${value}`);
  };
  expect("apiVersion", "cilium.io/v2");
  expect("kind", "CiliumNetworkPolicy");
  const meta = fields.get("metadata");
  const metadata = meta
    ? reader.map(meta.value, "metadata", [
        "name",
        "namespace",
        "labels",
        "annotations",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
      ])
    : undefined;
  if (!meta) reader.fail("SM_POLICY_FIELD", node, "metadata", "is missing");
  const nameNode = metadata?.get("name");
  if (metadata && !nameNode) reader.fail("SM_POLICY_FIELD", meta?.value, "metadata.name", "is missing");
  const name = nameNode ? (reader.text(nameNode.value, "metadata.name") ?? "") : "";
  const namespaceNode = metadata?.get("namespace");
  const namespace = namespaceNode
    ? (reader.text(namespaceNode.value, "metadata.namespace") ?? "")
    : "default";
  const policies: Policy[] = [];
  const add = (value: unknown, field: string): void => {
    const policy = readSpec(reader, value, field, name, namespace);
    if (policy) policies.push(policy);
  };
  const spec = fields.get("spec");
  const specs = fields.get("specs");
  if (spec) add(spec.value, "spec");
  if (specs) reader.list(specs.value, "specs")?.forEach((item, i) => add(item, `specs[${i}]`));
  if (!spec && !specs) reader.fail("SM_POLICY_FIELD", node, "spec", "is missing");
  return policies;
}

function readSpec(
  reader: Reader,
  node: unknown,
  field: string,
  name: string,
  namespace: string,
): Policy | undefined {
  const allowed = [
    "endpointSelector",
    "ingress",
    "egress",
    "ingressDeny",
    "egressDeny",
    "enableDefaultDeny",
    "description",
    "labels",
  ];
  const fields = reader.map(node, field, allowed, SPEC_REFUSED);
  if (!fields) return undefined;
  const selector = fields.get("endpointSelector");
  if (!selector) return reader.fail("SM_POLICY_FIELD", node, `${field}.endpointSelector`, "is missing");
  const endpoints = readSelector(reader, selector.value, `${field}.endpointSelector`, namespace);
  const defaults = fields.get("enableDefaultDeny");
  const flags = defaults
    ? reader.map(defaults.value, `${field}.enableDefaultDeny`, ["ingress", "egress"])
    : undefined;
  const direction = (way: "ingress" | "egress"): Direction | undefined => {
    const allow = fields.get(way);
    const deny = fields.get(`${way}Deny`);
    if (!allow && !deny) return undefined;
    const flag = flags?.get(way);
    return {
      allow: allow ? readRules(reader, allow.value, `${field}.${way}`, way, true, namespace) : [],
      deny: deny ? readRules(reader, deny.value, `${field}.${way}Deny`, way, false, namespace) : [],
      defaultDeny: flag ? (reader.flag(flag.value, `${field}.enableDefaultDeny.${way}`) ?? true) : true,
    };
  };
  const ingress = direction("ingress");
  const egress = direction("egress");
  if (!ingress && !egress)
    return reader.fail("SM_POLICY_FIELD", node, field, "has no ingress, egress, ingressDeny or egressDeny");
  return endpoints && { name, at: reader.at(node), endpoints, ingress, egress };
}

function readRules(
  reader: Reader,
  node: unknown,
  field: string,
  way: "ingress" | "egress",
  l7: boolean,
  namespace: string,
): DirectionRule[] {
  const peers = way === "ingress" ? ["fromEndpoints", "fromEntities"] : ["toEndpoints", "toEntities"];
  const rules: DirectionRule[] = [];
  reader.list(node, field)?.forEach((item, i) => {
    const path = `${field}[${i}]`;
    const fields = reader.map(item, path, [...peers, "toPorts"], RULE_REFUSED);
    if (!fields) return;
    const [byLabels = "", byName = ""] = peers;
    const labels = fields.get(byLabels);
    const entities = fields.get(byName);
    if (labels && entities)
      reader.fail(
        "SM_POLICY_FIELD",
        labels.key,
        `${path}.${byLabels}`,
        `cannot be combined with ${byName} in one rule`,
      );
    let peer: PeerRule | undefined;
    if (labels) {
      const selectors = reader
        .list(labels.value, `${path}.${byLabels}`)
        ?.map((one, n) => readSelector(reader, one, `${path}.${byLabels}[${n}]`, namespace));
      peer = { kind: "endpoints", selectors: (selectors ?? []).filter((one) => one !== undefined) };
    } else if (entities) {
      const names = reader.texts(entities.value, `${path}.${byName}`) ?? [];
      for (const name of names)
        if (!ENTITIES.includes(name))
          reader.fail("SM_POLICY_FIELD", entities.value, `${path}.${byName}`, `unknown entity ${name}`);
      peer = { kind: "entities", names };
    }
    const ports = fields.get("toPorts");
    const portRules = ports
      ? reader
          .list(ports.value, `${path}.toPorts`)
          ?.map((one, n) => readPorts(reader, one, `${path}.toPorts[${n}]`, l7))
      : undefined;
    rules.push({ at: reader.at(item), peers: peer, ports: portRules?.filter((one) => one !== undefined) });
  });
  return rules;
}

function readPorts(reader: Reader, node: unknown, field: string, l7: boolean): PortRule | undefined {
  const fields = reader.map(node, field, ["ports", "rules"], PORTS_REFUSED);
  if (!fields) return undefined;
  const ports: PortRange[] = [];
  const list = fields.get("ports");
  const items = list ? reader.list(list.value, `${field}.ports`) : undefined;
  if (!list || items?.length === 0)
    reader.fail("SM_POLICY_FIELD", node, `${field}.ports`, "must name at least one port");
  items?.forEach((item, i) => {
    const path = `${field}.ports[${i}]`;
    const port = reader.map(item, path, ["port", "endPort", "protocol"]);
    if (!port) return;
    const first = port.get("port");
    if (!first) return void reader.fail("SM_POLICY_FIELD", item, `${path}.port`, "is missing");
    const from = reader.integer(first.value, `${path}.port`, 0, 65535) ?? 0;
    const last = port.get("endPort");
    const to = last ? (reader.integer(last.value, `${path}.endPort`, from, 65535) ?? from) : from;
    const protocol = port.get("protocol");
    if (protocol && !PROTOCOLS.includes(reader.text(protocol.value, `${path}.protocol`) ?? "TCP"))
      reader.fail(
        "SM_POLICY_UNSUPPORTED",
        protocol.value,
        `${path}.protocol`,
        "the sidecar sees TCP only: write TCP or ANY",
      );
    ports.push({ first: from, last: to });
  });
  const rules = fields.get("rules");
  if (!rules) return { ports, http: undefined };
  if (!l7) reader.fail("SM_POLICY_UNSUPPORTED", rules.key, `${field}.rules`, "deny rules have no L7 part");
  const families = reader.map(rules.value, `${field}.rules`, ["http"], L7_REFUSED);
  const http = families?.get("http");
  if (!families || !http) return { ports, http: undefined };
  if (ports.some((port) => port.first === 0))
    reader.fail("SM_POLICY_FIELD", node, `${field}.ports`, "port 0 cannot have L7 rules");
  const entries = reader
    .list(http.value, `${field}.rules.http`)
    ?.map((one, i) => readHttp(reader, one, `${field}.rules.http[${i}]`));
  return { ports, http: (entries ?? []).filter((one) => one !== undefined) };
}

function readHttp(reader: Reader, node: unknown, field: string): HttpRule | undefined {
  const fields = reader.map(node, field, ["path", "method", "host", "headers"], {
    headerMatches: `headerMatches ${LATER}`,
  });
  if (!fields) return undefined;
  const pattern = (name: string): string | undefined => {
    const entry = fields.get(name);
    const text = entry ? reader.text(entry.value, `${field}.${name}`) : undefined;
    if (!entry || text === undefined || text === "") return undefined; // empty is any
    try {
      parseRegex(text);
    } catch (error) {
      reader.fail(
        "SM_POLICY_REGEX",
        entry.value,
        `${field}.${name}`,
        error instanceof Error ? error.message : "bad pattern",
        error,
      );
    }
    return text;
  };
  const list = fields.get("headers");
  const headers = (list ? reader.texts(list.value, `${field}.headers`) : undefined) ?? [];
  return {
    at: reader.at(node),
    method: pattern("method"),
    path: pattern("path"),
    host: pattern("host"),
    headers: headers.map(readHeader),
  };
}

/** `X-Key: value` wants exactly that value, `X-Key` only its presence. */
function readHeader(text: string): HeaderRule {
  const space = text.indexOf(" ");
  if (space < 0) return { name: text.replace(/:$/, ""), value: undefined };
  return { name: text.slice(0, space).replace(/:$/, ""), value: text.slice(space + 1).trim() };
}

function readSelector(reader: Reader, node: unknown, field: string, namespace: string): Selector | undefined {
  const fields = reader.map(node, field, ["matchLabels", "matchExpressions"]);
  if (!fields) return undefined;
  const requirements: LabelRequirement[] = [];
  const labels = fields.get("matchLabels");
  if (labels) {
    const path = `${field}.matchLabels`;
    const map = reader.map(labels.value, path, keysOf(labels.value));
    for (const [key, entry] of map ?? []) {
      const value = reader.text(entry.value, `${path}.${key}`);
      if (value !== undefined) requirements.push({ key: plainKey(key), operator: "In", values: [value] });
    }
  }
  const expressions = fields.get("matchExpressions");
  if (expressions)
    reader.list(expressions.value, `${field}.matchExpressions`)?.forEach((item, i) => {
      const requirement = readExpression(reader, item, `${field}.matchExpressions[${i}]`);
      if (requirement) requirements.push(requirement);
    });
  // A policy speaks of its own namespace unless a selector names one, or a reserved label, itself.
  const free = requirements.some((one) => one.key === NAMESPACE_LABEL || one.key.startsWith("reserved:"));
  if (!free) requirements.push({ key: NAMESPACE_LABEL, operator: "In", values: [namespace] });
  return { requirements };
}

/** Label that holds a workload's namespace. */
export const NAMESPACE_LABEL = "io.kubernetes.pod.namespace";

function readExpression(reader: Reader, node: unknown, field: string): LabelRequirement | undefined {
  const fields = reader.map(node, field, ["key", "operator", "values"]);
  const keyNode = fields?.get("key");
  const operatorNode = fields?.get("operator");
  if (!fields || !keyNode || !operatorNode)
    return fields && reader.fail("SM_POLICY_FIELD", node, field, "needs key and operator");
  const key = reader.text(keyNode.value, `${field}.key`);
  const operator = reader.text(operatorNode.value, `${field}.operator`);
  const valuesNode = fields.get("values");
  const values = valuesNode ? reader.texts(valuesNode.value, `${field}.values`) : [];
  if (key === undefined || !values) return undefined;
  if (operator !== "In" && operator !== "NotIn" && operator !== "Exists" && operator !== "DoesNotExist")
    return reader.fail(
      "SM_POLICY_FIELD",
      operatorNode.value,
      `${field}.operator`,
      "must be In, NotIn, Exists or DoesNotExist",
    );
  if ((operator === "In" || operator === "NotIn") !== values.length > 0)
    return reader.fail(
      "SM_POLICY_FIELD",
      node,
      `${field}.values`,
      operator.endsWith("In") ? "must not be empty" : "must be left out",
    );
  return { key: plainKey(key), operator, values };
}

/** Keys of a mapping whose keys are the user's own. */
function keysOf(node: unknown): string[] {
  const { items = [] } = node as { items?: { key?: { value?: unknown } }[] };
  return items.map((item) => String(item.key?.value));
}

/** Label keys without their source prefix: workloads here have one source. */
function plainKey(key: string): string {
  return key.replace(/^(any|k8s|container|unspec)[:.]/, "");
}
