// SPDX-License-Identifier: Apache-2.0
// memjs (binary protocol): each command with an allowed and a denied key. Prints one JSON object: what became of each.
// Usage: node memjs.mjs PORT
import memjs from "memjs";

const client = memjs.Client.create(`127.0.0.1:${process.argv[2]}`, {
  timeout: 20,
  retries: 0,
  logger: { log() {} },
});

const text = (value) => (Buffer.isBuffer(value) ? value.toString() : value);

const COMMANDS = {
  set: (key) => client.set(key, "1", {}),
  get: async (key) => text((await client.get(key)).value),
  add: (key) => client.add(`${key}.new`, "1", {}),
  replace: (key) => client.replace(key, "2", {}),
  append: (key) => client.append(key, "0"),
  prepend: (key) => client.prepend(key, "1"),
  incr: async (key) => (await client.increment(key, 5, {})).value,
  decr: async (key) => (await client.decrement(key, 1, {})).value,
  touch: (key) => client.touch(key, 100),
  delete: (key) => client.delete(key),
};

const results = {};
for (const [name, run] of Object.entries(COMMANDS)) {
  results[name] = [];
  for (const key of ["ok.memjs", "no.memjs"])
    results[name].push(
      await run(key).then(
        (value) => (value === null || value === false ? "nothing" : String(value)),
        (error) => `error ${error.message}`,
      ),
    );
}
results.flush_all = [
  await new Promise((resolve) => client.flush((error) => resolve(error ? `error ${error.message}` : "true"))),
];
results.stats = [
  await new Promise((resolve) =>
    client.stats((error, _server, stats) =>
      resolve(error ? `error ${error.message}` : String(stats?.pid > 0)),
    ),
  ),
];
client.quit();
client.close();
console.log(JSON.stringify(results));
