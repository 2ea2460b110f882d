// SPDX-License-Identifier: Apache-2.0
import { parentPort, workerData } from "node:worker_threads";
import { serveCompiler } from "./compiler-serve.js";

if (parentPort) serveCompiler(parentPort, workerData as number);
