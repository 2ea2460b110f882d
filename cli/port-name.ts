// SPDX-License-Identifier: Apache-2.0
/** A service name as IANA has them (RFC 6335): what a policy can write where a port number may stand. */
export const PORT_NAME = "^(?=.*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9-]{0,13}[A-Za-z0-9])?$";

/** JSON Schema of ports by name. */
export const PORTS_SCHEMA = {
  type: "object",
  maxProperties: 64,
  propertyNames: { pattern: PORT_NAME },
  additionalProperties: { type: "integer", minimum: 1, maximum: 65_535 },
} as const;
