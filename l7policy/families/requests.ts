// SPDX-License-Identifier: Apache-2.0
/** A request as rules of each family see it, for explanations and tests; texts are latin1 where they came as bytes. */
export type L7Request =
  | {
      readonly family: "http";
      readonly method: string;
      readonly path: string;
      /** Without its port. */
      readonly host: string;
      readonly headers: readonly (readonly [name: string, value: string])[];
    }
  | { readonly family: "dns"; readonly name: string }
  | {
      readonly family: "kafka";
      readonly apiKey: number;
      readonly apiVersion: number;
      readonly clientID: string;
      /** Names, or ids as `topicOfId` writes them. */
      readonly topics: readonly string[];
    }
  | { readonly family: "memcached"; readonly commands: readonly string[]; readonly keys: readonly string[] }
  /** `action` undefined: a message that is no query, which is always allowed. */
  | { readonly family: "cassandra"; readonly action: string | undefined; readonly table: string }
  | { readonly family: "tls"; readonly serverName: string };
