// SPDX-License-Identifier: Apache-2.0
import { benchCommand } from "./command.js";

try {
  await benchCommand().parseAsync();
  process.exit(0);
} catch (thrown) {
  console.error(thrown instanceof Error ? thrown.message : thrown);
  process.exit(1);
}
