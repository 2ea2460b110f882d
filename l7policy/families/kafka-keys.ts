// SPDX-License-Identifier: Apache-2.0
/** Numbers of Kafka's requests by the names that policies use: lower case, as in Kafka's protocol guide. */
export const KAFKA_KEYS: Readonly<Record<string, number>> = {
  produce: 0,
  fetch: 1,
  offsets: 2,
  metadata: 3,
  leaderandisr: 4,
  stopreplica: 5,
  updatemetadata: 6,
  controlledshutdown: 7,
  offsetcommit: 8,
  offsetfetch: 9,
  findcoordinator: 10,
  joingroup: 11,
  heartbeat: 12,
  leavegroup: 13,
  syncgroup: 14,
  describegroups: 15,
  listgroups: 16,
  saslhandshake: 17,
  apiversions: 18,
  createtopics: 19,
  deletetopics: 20,
  deleterecords: 21,
  initproducerid: 22,
  offsetforleaderepoch: 23,
  addpartitionstotxn: 24,
  addoffsetstotxn: 25,
  endtxn: 26,
  writetxnmarkers: 27,
  txnoffsetcommit: 28,
  describeacls: 29,
  createacls: 30,
  deleteacls: 31,
  describeconfigs: 32,
  alterconfigs: 33,
  // Cilium's names end here.
  alterreplicalogdirs: 34,
  describelogdirs: 35,
  saslauthenticate: 36,
  createpartitions: 37,
  createdelegationtoken: 38,
  renewdelegationtoken: 39,
  expiredelegationtoken: 40,
  describedelegationtoken: 41,
  deletegroups: 42,
  electleaders: 43,
  incrementalalterconfigs: 44,
  alterpartitionreassignments: 45,
  listpartitionreassignments: 46,
  offsetdelete: 47,
  describeclientquotas: 48,
  alterclientquotas: 49,
  describeuserscramcredentials: 50,
  alteruserscramcredentials: 51,
  describequorum: 55,
  updatefeatures: 57,
  describecluster: 60,
  describeproducers: 61,
  describetransactions: 65,
  listtransactions: 66,
  consumergroupheartbeat: 68,
  consumergroupdescribe: 69,
};

/** Requests that a client of each role needs. */
export const KAFKA_ROLES: Readonly<Record<string, readonly number[]>> = {
  produce: [0, 3, 18],
  consume: [1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 18],
};

/** Requests that name topics; for all others a rule's topic does not count. */
export const KAFKA_TOPIC_KEYS: ReadonlySet<number> = new Set([
  0, 1, 2, 3, 4, 5, 6, 8, 9, 19, 20, 21, 23, 24, 27, 28, 35, 37, 45, 46, 47, 61,
]);

/**
 * A topic that a request names by its id, as it stands among names: `#` begins no name. To be used only where the name is
 * not known; else rules are about the name.
 */
export function topicOfId(id: string): string {
  return `#${id}`;
}

/** Name of a request's number. */
export function kafkaKeyName(number: number): string {
  return Object.keys(KAFKA_KEYS).find((name) => KAFKA_KEYS[name] === number) ?? String(number);
}
