// SPDX-License-Identifier: Apache-2.0
import { resolve } from "node:path";
import { MessageChannel, Worker } from "node:worker_threads";
import { serveCompiler } from "../../cli/agent/compiler-serve.js";
import type { StartCompiler } from "../../cli/agent/compiler.js";

/** The compiler at the other end of a line within this thread: messages are copied all the same. */
export const besides: StartCompiler = (generation) => {
  const { port1, port2 } = new MessageChannel();
  serveCompiler(port2, generation);
  return { port: port1, end: () => port1.close() };
};

/** The compiler as it is built, in a thread of its own. */
export const built: StartCompiler = (generation, gone) => {
  const worker = new Worker(resolve("dist/cli/agent/compiler-thread.js"), { workerData: generation });
  worker.on("error", gone);
  return { port: worker, end: () => void worker.terminate() };
};
