// SPDX-License-Identifier: Apache-2.0
/** Echoes what it gets, closing its side when the client has; prints its port first. `ip` sends the peer's address. */
export const SERVER = `
  const { createServer } = require("net");
  const host = process.argv[1];
  createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      if (bytes.toString() === "who") socket.write(socket.remoteAddress + " " + socket.remotePort);
      else if (!socket.write(bytes)) { socket.pause(); socket.once("drain", () => socket.resume()); }
    });
    socket.on("end", () => socket.end());
  }).listen({ port: 0, host }, function () { console.log(this.address().port); });`;

/** Sends numbered bytes in random pieces, reads the echo, fails on any byte that differs. Prints what it received. */
export const CLIENT = `
  const { connect } = require("net");
  const [host, port, total, slow] = process.argv.slice(1);
  const socket = connect({ host, port: Number(port), noDelay: true, allowHalfOpen: true });
  const byte = (i) => (i * 31 + (i >> 8) * 7 + (i >> 16)) & 255;
  let sent = 0, got = 0;
  const send = () => {
    while (sent < Number(total)) {
      const size = Math.min(Number(total) - sent, 1 + Math.floor(Math.random() * 70000));
      const piece = Buffer.alloc(size);
      for (let i = 0; i < size; i++) piece[i] = byte(sent + i);
      sent += size;
      if (!socket.write(piece)) return socket.once("drain", send);
    }
    socket.end();
  };
  socket.on("connect", send);
  socket.on("data", (bytes) => {
    for (const value of bytes) if (value !== byte(got++)) { console.log("byte", got - 1); process.exit(2); }
    if (slow && Math.random() < 0.2) { socket.pause(); setTimeout(() => socket.resume(), 5); }
  });
  socket.on("error", (error) => { console.log(error.message); process.exit(3); });
  socket.on("close", () => { console.log(got); process.exit(got === Number(total) ? 0 : 4); });`;
