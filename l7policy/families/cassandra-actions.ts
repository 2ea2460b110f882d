// SPDX-License-Identifier: Apache-2.0
/** Actions that name a table or keyspace. */
const WITH_TABLE = [
  ...["select", "delete", "insert", "update", "create-table", "drop-table", "alter-table", "truncate-table"],
  ...["use", "create-keyspace", "alter-keyspace", "drop-keyspace"],
];

const WITHOUT_TABLE = [
  ...["create-index", "drop-index", "create-materialized-view", "drop-materialized-view"],
  ...["create-role", "alter-role", "drop-role", "grant-role", "revoke-role", "list-roles"],
  ...["grant-permission", "revoke-permission", "list-permissions"],
  ...["create-user", "alter-user", "drop-user", "list-users"],
  ...["create-function", "drop-function", "create-aggregate", "drop-aggregate"],
  ...["create-type", "alter-type", "drop-type", "create-trigger", "drop-trigger"],
];

/** Every word that an action may be. */
export const CASSANDRA_ACTIONS: readonly string[] = [...WITH_TABLE, ...WITHOUT_TABLE];

/** True for an action that cannot be combined with a table. */
export function actionHasNoTable(action: string): boolean {
  return WITHOUT_TABLE.includes(action);
}
