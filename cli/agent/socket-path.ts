// SPDX-License-Identifier: Apache-2.0
/** Where the agent listens when nobody says otherwise: /run for root, else the user's runtime folder. */
export function defaultSocket(uid: number, runtimeFolder: string | undefined): string {
  if (uid === 0) return "/run/sockmesh/agent.sock";
  return runtimeFolder ? `${runtimeFolder}/sockmesh/agent.sock` : `/tmp/sockmesh-${uid}/agent.sock`;
}

/** {@link defaultSocket} of this process. */
export function ownSocket(): string {
  return defaultSocket(process.getuid?.() ?? 0, process.env["XDG_RUNTIME_DIR"]);
}
