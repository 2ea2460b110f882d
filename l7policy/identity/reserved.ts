// SPDX-License-Identifier: Apache-2.0
/** Identities that are not made from labels; numbers as in Cilium (`pkg/identity/numericidentity.go`). */
export const RESERVED = {
  unknown: 0,
  host: 1,
  world: 2,
  unmanaged: 3,
  health: 4,
  init: 5,
  "remote-node": 6,
  "kube-apiserver": 7,
  ingress: 8,
  "world-ipv4": 9,
  "world-ipv6": 10,
} as const;

/** Numbers that an administrator may give to label sets. */
export const USER_RESERVED = { first: 128, last: 255 } as const;

/** Numbers of label sets. */
export const GLOBAL = { first: 256, last: 65_535 } as const;

/** Numbers of what this node alone knows: CIDRs and DNS names. */
export const LOCAL = { first: (1 << 24) + 1, last: (1 << 24) + 0xff_ffff } as const;

/** Labels of a reserved identity. The API server of a cluster is one of its nodes. */
export function reservedLabels(name: keyof typeof RESERVED): Record<string, string> {
  return name === "kube-apiserver"
    ? { "reserved:kube-apiserver": "", "reserved:remote-node": "" }
    : { [`reserved:${name}`]: "" };
}

/** Labels that a peer has by its name, which workloads may not claim. */
export const CLAIMED_SOURCES: readonly string[] = ["reserved", "cidr", "fqdn"];
