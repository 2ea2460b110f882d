// SPDX-License-Identifier: Apache-2.0
// A memcached client in a few lines. Prints one JSON line.
// Usage: node client.mjs PORT ADDRESS COMMAND...   each command's answer; a value stands behind \n
//        node client.mjs PORT ADDRESS --times N COMMAND   microseconds that a command takes, one after the other
//        (of ten parts the fastest: other work on the machine only ever adds)
import { connect } from "node:net";

const [port, localAddress, ...args] = process.argv.slice(2);
const times = args[0] === "--times" ? Number(args[1]) : 0;
const commands = times > 0 ? args.slice(2) : args;
const socket = connect({ port: Number(port), host: "127.0.0.1", ...(localAddress ? { localAddress } : {}) });
socket.setNoDelay(true);

/** The answer to one command: up to `END` for lookups, else one line. */
function ask(command) {
  const lookup = /^(get|gets|gat|gats) /.test(command);
  return new Promise((resolve, reject) => {
    let text = "";
    const read = (bytes) => {
      text += bytes.toString("latin1");
      if (!(lookup ? /(^|\n)END\r\n$|ERROR.*\r\n$/ : /\r\n$/).test(text)) return;
      socket.off("data", read);
      resolve(text.trim().replaceAll("\r\n", " | "));
    };
    socket.on("data", read).once("error", reject);
    socket.write(`${command.replaceAll("\n", "\r\n")}\r\n`);
  });
}

const PARTS = 10;
const answers = [];
if (times > 0) {
  for (let i = 0; i < 100; i++) await ask(commands[0]);
  let least = Infinity;
  for (let part = 0; part < PARTS; part++) {
    const started = performance.now();
    for (let i = 0; i < times / PARTS; i++) await ask(commands[0]);
    least = Math.min(least, (performance.now() - started) / Math.ceil(times / PARTS));
  }
  answers.push(Math.round(least * 10_000) / 10);
} else for (const command of commands) answers.push(await ask(command));
socket.end();
console.log(JSON.stringify(answers));
