// SPDX-License-Identifier: Apache-2.0
/** The only place that knows how Node's sockets look inside; what it takes is checked where it is taken. */
import { connect, isIP, Socket, type OnReadOpts } from "node:net";

/** Receives what a socket read. The bytes lie in a buffer that all sockets share: they are gone when the call returns. */
export type Reader = (bytes: Buffer) => void;

/** One read takes at most this many bytes. */
export const READ_BYTES = 64 * 1024;

// One buffer for all reads: half the user time of a stream's `data` events, and nothing held by idle sockets. It is safe
// because a read and all that follows from it happen in one turn, and whatever outlives the turn is copied.
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

// Views of its first bytes by their number: making one costs more than looking at a small message.
const VIEWS = 2048;
const views = new Array<Buffer | undefined>(VIEWS).fill(undefined);

function firstBytes(bytes: number): Buffer {
  if (bytes >= VIEWS) return shared.subarray(0, bytes);
  return (views[bytes] ??= shared.subarray(0, bytes));
}

function onread(reader: Reader): OnReadOpts {
  return {
    buffer: shared,
    callback(bytes) {
      reader(firstBytes(bytes));
      return true;
    },
  };
}

interface Inside {
  /** Has `destroy` send RST. */
  resetAndClosing?: boolean;
  _handle: { readonly fd?: number } | null;
}

/** Descriptor of an open socket or listening server, -1 when it is closed. */
export function descriptorOf(socket: object): number {
  return (socket as Inside)._handle?.fd ?? -1;
}

/**
 * Gives an accepted socket the shared read buffer, which a server cannot: the connection moves to a new socket object.
 * The given one (of a server with `pauseOnConnect`) is closed without effect on the connection. Undefined when the client
 * has gone already.
 */
export function withReader(accepted: Socket, reader: Reader): Socket | undefined {
  const inside = accepted as unknown as Inside;
  const handle = inside._handle;
  if (!handle) return undefined;
  inside._handle = null;
  accepted.destroy();
  return new Socket({ handle, allowHalfOpen: true, onread: onread(reader) } as object);
}

/**
 * Connects to an address.
 * @param before called in the same turn, right before connect(2): with a lookup of its own Node connects inside the
 * lookup's callback
 */
export function connectTo(address: string, port: number, before: () => void, reader: Reader): Socket {
  const family = isIP(address);
  return connect({
    host: "service",
    port,
    noDelay: true,
    allowHalfOpen: true,
    autoSelectFamily: false,
    onread: onread(reader),
    lookup(_name, options, callback) {
      before();
      if (options.all) callback(null, [{ address, family }]);
      else callback(null, address, family);
    },
  });
}

/**
 * Closes a socket at once, with RST when something was not sent yet. Node's `resetAndDestroy` would first wait until the
 * peer has read all that is queued, and leak the descriptor of a socket whose FIN is sent: libuv refuses to reset it.
 */
export function reset(socket: Socket): void {
  const allSent = socket.writableEnded && socket.writableLength === 0;
  // A socket that is not connected has nobody to reset.
  if (!socket.connecting && !allSent) (socket as unknown as Inside).resetAndClosing = true;
  socket.destroy();
}
