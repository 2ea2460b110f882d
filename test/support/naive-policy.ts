// SPDX-License-Identifier: Apache-2.0
/**
 * What CiliumNetworkPolicy means, once more and as plainly as possible: no identities, no selections, no caches, no
 * automata; documents are plain objects, addresses are numbers. It shares no code with the product, which is compared
 * with it.
 */

/** One end of a connection. */
export type Party =
  | {
      readonly kind: "workload";
      readonly namespace: string;
      readonly labels: Readonly<Record<string, string>>;
    }
  | { readonly kind: "reserved"; readonly name: string }
  /** IPv4, outside of the cluster. */
  | { readonly kind: "address"; readonly ip: number };

/** A request on a connection that `endpoint` receives or opens. */
export interface Question {
  readonly way: "ingress" | "egress";
  readonly endpoint: Extract<Party, { kind: "workload" }>;
  readonly peer: Party;
  readonly port: number;
  readonly transport: "TCP" | "UDP";
  readonly method: string;
  readonly path: string;
  readonly executable: string | undefined;
}

type Raw = Readonly<Record<string, unknown>>;
const NAMESPACE = "io.kubernetes.pod.namespace";

/** True when the policies allow it. */
export function allowed(documents: readonly unknown[], question: Question): boolean {
  const specs = documents.flatMap((document) => {
    const { kind, metadata, spec } = document as { kind: string; metadata: Raw; spec: Raw };
    const namespace =
      kind === "CiliumNetworkPolicy"
        ? ((metadata["namespace"] as string | undefined) ?? "default")
        : undefined;
    return selectsSubject(spec["endpointSelector"], namespace, question.endpoint)
      ? [{ spec, namespace }]
      : [];
  });
  const rules = (field: string) =>
    specs.flatMap(({ spec, namespace }) =>
      ((spec[field] ?? []) as Raw[]).map((rule) => ({ rule, namespace, spec })),
    );
  const { way } = question;
  for (const { rule, namespace } of rules(`${way}Deny`))
    if (concerns(rule, namespace, question, true) && portsOf(rule).some((entry) => onPort(entry, question)))
      return false;
  const asks = (spec: Raw): boolean => {
    const flag = (spec["enableDefaultDeny"] as Raw | undefined)?.[way] as boolean | undefined;
    const any = [way, `${way}Deny`].some((field) => ((spec[field] ?? []) as unknown[]).length > 0);
    return flag ?? any;
  };
  if (!specs.some(({ spec }) => asks(spec))) return true;
  return rules(way).some(
    ({ rule, namespace, spec }) =>
      concerns(rule, namespace, question) &&
      portsOf(rule).some((entry) => onPort(entry, question) && (!asks(spec) || l7(entry, question))),
  );
}

function selectsSubject(selector: unknown, namespace: string | undefined, party: Party): boolean {
  if (party.kind !== "workload") return false;
  if (namespace !== undefined && party.namespace !== namespace) return false;
  return selects(selector, party);
}

/**
 * Peer and process; a rule that names no peer, port or process concerns nobody. A process that is not known may be any:
 * that is enough to deny.
 */
function concerns(
  rule: Raw,
  namespace: string | undefined,
  { way, peer, executable }: Question,
  deny = false,
): boolean {
  const side = way === "ingress" ? "from" : "to";
  const [endpoints, entities, cidr, cidrSet] = ["Endpoints", "Entities", "CIDR", "CIDRSet"].map(
    (member) => rule[`${side}${member}`] as unknown[] | undefined,
  );
  const processes = rule["fromProcess"] as { executable: string }[] | undefined;
  const isIt = (one: { executable: string }): boolean =>
    executable === undefined ? deny : one.executable === executable;
  if (processes && !processes.some(isIt)) return false;
  if (endpoints) return endpoints.some((one) => selectsPeer(one, namespace, peer));
  if (entities) return entities.some((name) => isEntity(name as string, peer));
  if (cidr) return cidr.some((one) => inBlock(one as string, peer));
  if (cidrSet)
    return cidrSet.some((one) => {
      const { cidr: block, except = [] } = one as { cidr: string; except?: string[] };
      return inBlock(block, peer) && !except.some((inner) => inBlock(inner, peer));
    });
  return rule["toPorts"] !== undefined || processes !== undefined;
}

function selectsPeer(selector: unknown, namespace: string | undefined, peer: Party): boolean {
  const text = JSON.stringify(selector);
  if (text.includes("reserved:")) return selects(selector, peer);
  if (peer.kind !== "workload") return false;
  if (!text.includes(NAMESPACE) && namespace !== undefined && peer.namespace !== namespace) return false;
  return selects(selector, peer);
}

function selects(selector: unknown, party: Party): boolean {
  const labels: Record<string, string> =
    party.kind === "workload"
      ? { ...party.labels, [NAMESPACE]: party.namespace }
      : { [`reserved:${party.kind === "reserved" ? party.name : "world"}`]: "" };
  const { matchLabels = {}, matchExpressions = [] } = selector as {
    matchLabels?: Record<string, string>;
    matchExpressions?: { key: string; operator: string; values?: string[] }[];
  };
  const value = (key: string): string | undefined => labels[key.replace(/^(any|k8s):/, "")];
  return (
    Object.entries(matchLabels).every(([key, wanted]) => value(key) === wanted) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const own = value(key);
      if (operator === "In") return own !== undefined && values.includes(own);
      if (operator === "NotIn") return own === undefined || !values.includes(own);
      return (operator === "Exists") === (own !== undefined);
    })
  );
}

function isEntity(name: string, peer: Party): boolean {
  if (name === "all") return true;
  if (peer.kind === "workload") return name === "cluster" || name === "cluster-mesh";
  if (peer.kind === "address") return name === "world";
  if (name === "cluster" || name === "cluster-mesh") return peer.name !== "world";
  return name === peer.name;
}

function inBlock(block: string, peer: Party): boolean {
  if (peer.kind !== "address") return false;
  const [address = "", length = "32"] = block.split("/");
  const bits = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(length));
  return Math.floor(bits / size) === Math.floor(peer.ip / size);
}

function portsOf(rule: Raw): readonly Raw[] {
  return (rule["toPorts"] as unknown as Raw[]) ?? [{}];
}

function onPort(entry: Raw, { port, transport }: Question): boolean {
  const ports = entry["ports"] as { port: string; endPort?: number; protocol?: string }[] | undefined;
  return (
    ports === undefined ||
    ports.some((one) => {
      const first = Number(one.port);
      const protocol = one.protocol ?? "ANY";
      if (protocol !== "ANY" && protocol !== transport) return false;
      return first === 0 || (port >= first && port <= (one.endPort ?? first));
    })
  );
}

function l7(entry: Raw, { method, path }: Question): boolean {
  const http = (entry["rules"] as { http?: { method?: string; path?: string }[] } | undefined)?.http;
  if (!http) return true;
  return http.some((rule) => (rule.method ?? method) === method && (rule.path ?? path) === path);
}
