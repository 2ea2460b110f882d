// SPDX-License-Identifier: Apache-2.0
import { isScalar } from "yaml";
import type { L7Rules, NameRule, PortRange, PortRule, Transport } from "../model.js";
import { object, optional, refused, required, type Complain, type ObjectOf } from "../shape/object.js";
import { choice, convert, integer, list, text, type Shape } from "../shape/shape.js";
import { httpRule } from "./http.js";
import {
  cassandraEntry,
  cassandraRule,
  checkL7,
  grpcRule,
  kafkaRule,
  l7Entry,
  l7Proto,
  memcachedRule,
  memcacheEntry,
  nameRule,
} from "./l7.js";

const MOST_PORTS = 40; // the bound of Cilium's resource
const LAST_PORT = 65535;
const NO_PORT = -1;
/** An IANA service name (RFC 6335, section 5.1): at least one letter, no hyphen first, last or doubled. */
export const SERVICE_NAME = /^(?=.{1,15}$)(?=.*[A-Za-z])[A-Za-z0-9]+(-[A-Za-z0-9]+)*$/;

const number = integer(0, LAST_PORT);
/** A port's number, or its name in lower case. */
const portShape: Shape<number | string> = {
  schema: {
    anyOf: [
      { type: "integer", minimum: 0, maximum: LAST_PORT },
      { type: "string", pattern: `^(0|[1-9][0-9]*)$|${SERVICE_NAME.source}` },
    ],
  },
  read(reader, node, path) {
    if (isScalar(node) && typeof node.value === "string" && SERVICE_NAME.test(node.value))
      return node.value.toLowerCase();
    return number.read(reader, node, path);
  },
};

const UNSEEN = "is not seen by the sidecar: it judges TCP";
export const transportShape: Shape<Transport> = choice(["TCP", "UDP", "SCTP", "ANY"], {
  ...Object.fromEntries(
    ["ICMP", "ICMPv6", "VRRP", "IGMP", "GRE", "IPIP", "IPV6", "ESP", "AH"].map((name) => [
      name,
      `${name} ${UNSEEN}`,
    ]),
  ),
});

/** A port, a range of them, or a port's name. */
export const portRange: Shape<PortRange> = convert(
  object(
    {
      port: required(
        portShape,
        "Number, 0 for every port, or the name that the receiving endpoint gives it.",
      ),
      endPort: optional(integer(0, LAST_PORT), "Last port of a range."),
      protocol: optional(transportShape, "TCP, UDP, SCTP or ANY (the default)."),
    },
    ({ port, endPort }, complain) => {
      if (endPort === undefined) return;
      if (typeof port === "string") complain("endPort", "cannot be combined with a named port");
      else if (endPort < port) complain("endPort", `must be a whole number from ${port} to ${LAST_PORT}`);
      else if (port === 0) complain("endPort", "port 0 is every port already: leave endPort out");
    },
  ),
  ({ at, port, endPort, protocol }) =>
    typeof port === "string"
      ? { at, first: NO_PORT, last: NO_PORT, name: port, transport: protocol ?? "ANY" }
      : { at, first: port, last: endPort ?? port, name: undefined, transport: protocol ?? "ANY" },
);

const RULES = {
  http: optional(list(httpRule), "HTTP requests. An empty list allows none."),
  dns: optional(list(nameRule), "Names that may be asked for; egress only."),
  kafka: optional(list(kafkaRule), "Kafka requests."),
  l7proto: optional(l7Proto, "Protocol of the l7 entries: cassandra or memcache."),
  l7: optional(list(l7Entry), "Requests of l7proto, as Cilium wrote them up to 1.19."),
  grpc: optional(list(grpcRule), "gRPC calls (sockmesh's own)."),
  memcached: optional(list(memcachedRule), "memcached commands (sockmesh's own)."),
  cassandra: optional(list(cassandraRule), "Cassandra queries (sockmesh's own)."),
};

/** `rules` of a port: one family at most; undefined for none. */
const rulesShape: Shape<{ readonly l7: L7Rules | undefined }> = convert(
  object(RULES, (rules, complain) => {
    const given = familiesOf(rules);
    if (given.length > 1)
      complain(given[1] ?? "", `cannot be combined with ${given[0]}: one family on a port`);
    if (rules.l7 && !rules.l7proto) complain("l7", "needs l7proto, which names its protocol");
    else if (rules.l7proto && !rules.l7) complain("l7", "is missing: the requests of l7proto");
    else if (rules.l7proto && rules.l7) checkL7(rules.l7proto, rules.l7, complain);
  }),
  (rules) => ({ l7: l7Of(rules) }),
);

type RulesRead = ObjectOf<typeof RULES>;

function familiesOf(rules: RulesRead): string[] {
  return (["http", "dns", "kafka", "l7proto", "grpc", "memcached", "cassandra"] as const).filter(
    (name) => rules[name] !== undefined,
  );
}

function l7Of(rules: RulesRead): L7Rules | undefined {
  const { http, dns, kafka, l7proto, l7 = [], grpc, memcached, cassandra } = rules;
  if (http) return { family: "http", field: "rules.http", rules: http };
  if (dns) return { family: "dns", field: "rules.dns", rules: dns };
  if (kafka) return { family: "kafka", field: "rules.kafka", rules: kafka };
  if (grpc) return { family: "grpc", field: "rules.grpc", rules: grpc };
  if (memcached) return { family: "memcached", field: "rules.memcached", rules: memcached };
  if (cassandra) return { family: "cassandra", field: "rules.cassandra", rules: cassandra };
  const field = "rules.l7";
  if (l7proto === "cassandra") return { family: "cassandra", field, rules: l7.map(cassandraEntry) };
  if (l7proto === "memcache") return { family: "memcached", field, rules: l7.map(memcacheEntry) };
  return undefined;
}

const serverName: Shape<NameRule> = convert(
  text({
    pattern: /^(\*\*|[-a-zA-Z0-9_*]+)(\.(\*\*|[-a-zA-Z0-9_*]+))*$/,
    says: "is no server name or pattern of them (no final dot)",
    most: 255,
  }),
  (value, spot) => {
    if (value.split(".").some((label) => label.includes("**") && label !== "**"))
      return spot.fail("** must be a label of its own");
    return { at: spot.reader.at(spot.node), kind: "pattern", text: value };
  },
);

const KEYLESS = "needs the keys of a TLS connection, and the sidecar has none";
const PORTS = {
  ports: required(list(portRange, { least: 1, most: MOST_PORTS }), "Any of these ports."),
  serverNames: optional(
    list(serverName, { least: 1 }),
    "Names that a TLS client may ask for; * is any characters of one label, ** any labels.",
  ),
  terminatingTLS: refused(`terminatingTLS ${KEYLESS}`),
  originatingTLS: refused(`originatingTLS ${KEYLESS}`),
  listener: refused("listener hands traffic to an Envoy, and there is none"),
};

const WITH_RULES = { ...PORTS, rules: optional(rulesShape, "What may be asked for on these ports.") };
const WITHOUT_RULES = { ...PORTS, rules: refused("deny rules have no L7 part") };

/** An entry of `toPorts` of an allow rule. */
export function allowPorts(way: "ingress" | "egress"): Shape<PortRule> {
  return convert(
    object(WITH_RULES, ({ ports, rules, serverNames }, complain) => {
      const l7 = rules?.l7;
      if (serverNames && l7)
        complain("serverNames", "cannot be combined with rules: the sidecar does not look inside TLS");
      if (!l7 && !serverNames) return;
      checkPorts(ports, l7?.family ?? "tls", complain);
      if (l7?.family === "dns" && way === "ingress")
        complain("rules", "dns rules are for egress only: they judge what an endpoint asks");
    }),
    ({ at, ports, rules, serverNames }) => ({
      at,
      ports,
      l7: serverNames ? { family: "tls", field: "serverNames", rules: serverNames } : rules?.l7,
    }),
  );
}

/** An entry of `toPorts` of a deny rule. */
export const denyPorts: Shape<PortRule> = convert(
  object({ ...WITHOUT_RULES, serverNames: refused("deny rules have no L7 part") }),
  ({ at, ports }) => ({ at, ports, l7: undefined }),
);

function checkPorts(ports: readonly PortRange[], family: string, complain: Complain): void {
  ports.forEach((port, i) => {
    if (port.first === 0) complain("ports", "port 0 cannot have L7 rules: name the ports");
    if (family === "dns" && port.last > port.first)
      complain(`ports[${i}].endPort`, "dns rules cannot have port ranges", { at: port.at });
    if (family !== "dns" && (port.transport === "UDP" || port.transport === "SCTP"))
      complain(`ports[${i}].protocol`, `${family} rules are for TCP, not ${port.transport}`, { at: port.at });
  });
}
