// SPDX-License-Identifier: Apache-2.0
import { SockmeshError, type SourcePosition } from "../core/errors.js";
import type { NamedPort } from "../l7policy/identity/tables.js";
import { SERVICE_NAME } from "../l7policy/parse/ports.js";
import { object, optional, required } from "../l7policy/shape/object.js";
import { anything, choice, convert, integer, list, text, type Shape } from "../l7policy/shape/shape.js";
import { excerpt } from "./excerpt.js";
import { objectName } from "./metadata.js";

/** What the account of a pod is called that names none. */
const DEFAULT_ACCOUNT = "default";

/** What identity and policy need of a pod's specification. */
export interface PodSpec {
  readonly serviceAccount: string;
  readonly ports: readonly NamedPort[];
}

const portName: Shape<{ readonly name: string; readonly at: SourcePosition; readonly field: string }> =
  convert(text(), (name, { reader, node, path, fail }) =>
    SERVICE_NAME.test(name) && name === name.toLowerCase()
      ? { name, at: reader.at(node), field: path }
      : fail("is no port name (lower-case letters, digits, single - inside, a letter, at most 15)"),
  );

const port = object({
  name: optional(portName, "Name that rules may use."),
  containerPort: required(integer(1, 65_535), "Number of the port."),
  protocol: optional(choice(["TCP", "UDP", "SCTP"]), "TCP when left out."),
  hostPort: optional(anything, "Port of the host."),
  hostIP: optional(anything, "Address of the host."),
});

const account: Shape<string> = convert(text(), (name, { reader, node, path }) =>
  // Kubernetes takes an empty name for none.
  name === "" ? name : objectName.read(reader, node, path),
);

/** `spec` of a pod. Only `containers` have ports: what runs before them is gone when a connection comes. */
export const podSpec: Shape<PodSpec> = convert(
  excerpt({
    serviceAccountName: optional(account, "Account that the pod runs as."),
    serviceAccount: optional(account, "Its old name."),
    containers: required(
      list(excerpt({ ports: optional(list(port), "Ports.") }), { least: 1 }),
      "Containers of the pod.",
    ),
  }),
  ({ serviceAccountName, serviceAccount, containers }, { reader }) => {
    const ports = new Map<string, NamedPort>();
    for (const { name: named, containerPort, protocol = "TCP" } of containers.flatMap(
      (one) => one.ports ?? [],
    )) {
      if (!named) continue;
      const { name, at, field } = named;
      if (ports.has(name))
        reader.errors.push(
          new SockmeshError("SM_POLICY_FIELD", `${name} names a port of this pod already`, { at, field }),
        );
      ports.set(name, { name, port: containerPort, transport: protocol });
    }
    return {
      serviceAccount: serviceAccountName || serviceAccount || DEFAULT_ACCOUNT,
      ports: [...ports.values()],
    };
  },
);
