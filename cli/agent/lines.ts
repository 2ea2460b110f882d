// SPDX-License-Identifier: Apache-2.0
import type { Socket } from "node:net";

/**
 * Calls `onLine` for each line that arrives; the last one needs its newline too. A line over `limit` bytes destroys the
 * socket with an error.
 */
export function readLines(socket: Socket, limit: number, onLine: (line: string) => void): void {
  let held = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    held += chunk;
    for (let end = held.indexOf("\n"); end >= 0; end = held.indexOf("\n")) {
      const line = held.slice(0, end);
      held = held.slice(end + 1);
      onLine(line);
    }
    if (held.length > limit) socket.destroy(new Error(`a line of more than ${limit} characters`));
  });
}
