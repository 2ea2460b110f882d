// SPDX-License-Identifier: Apache-2.0
/** The part of a structured logger (pino) that the product uses; the real one is made in cli/. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Discards everything; the default of tests. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
