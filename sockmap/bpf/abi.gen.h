/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Written by scripts/gen-abi.mjs from sockmap/abi.ts and core/outcome.ts. Do not edit. */
#ifndef SOCKMESH_ABI_GEN_H
#define SOCKMESH_ABI_GEN_H

/* what both ends of a pair of sockets tell each other */
struct record {
	__u64 fast_a; /* bytes that a sent past TCP; written by a's sendmsg */
	__u64 read_a; /* bytes that a has read; written by a's recv, or by the sidecar where a is its socket */
	__u64 body_f; /* BODY_* and bytes of the current request's body still to come */
	__u64 started; /* ktime of the request under way, ns; 0 when another one was before it */
	__u32 requests; /* requests that a sent past TCP */
	__u32 head_request; /* position of the last HEAD request among all that reached b */
	__u32 tally; /* where the request under way is counted */
	__u32 pad_a;
	__u64 cookie_b; /* of b's socket; by the callback of its establishment */
	__u8 pad_a2[8];
	__u64 fast_b; /* bytes that b sent past TCP; written by b's sendmsg */
	__u64 read_b; /* bytes that b has read, likewise */
	__u64 body_r; /* BODY_* and bytes of the current response's body still to come */
	__u64 sender; /* thread of the last send of b */
	__u32 responses; /* final responses that b has completed past TCP */
	__u32 send_begin; /* sends of b that the program moved */
	__u32 send_end; /* those of them that are in a's queue for certain */
	__u32 ambiguous; /* 1: two threads of b sent at once, ends of sends cannot be told apart */
	__u32 answer_class; /* first digit of the status of the response under way */
	__u32 pad_b;
	__u64 cookie_a; /* of a's socket, likewise */
	__u64 injected_f; /* level splice: bytes that the sidecar sent to b past TCP; written by its sendmsg */
	__u64 injected_r; /* likewise to a */
	__u32 strayed_f; /* 1: bytes of the sidecar went to b over TCP; nothing may be moved beside them */
	__u32 strayed_r; /* likewise to a */
	__u32 generation; /* counts the uses of this record; a link with another generation is void */
	__u32 flags; /* RECORD_*, by the sidecar */
	__u32 in_f; /* slow bytes of a that the sidecar has dealt with, parser state stored in body_f, and sent on */
	__u32 in_r; /* slow bytes of b, likewise */
	__u32 slot; /* table that judges the requests; 0 none */
	__u32 answers; /* table that reads the responses; 0 none */
	__u32 requests_slow; /* requests with an answer that the sidecar forwarded to b */
	__u32 responses_slow; /* final responses that the sidecar forwarded to a */
	__u32 paired; /* 1: both ends are in the map of sockets and may move bytes; likewise */
	__u32 pad_c;
};
_Static_assert(sizeof(struct record) == 192, "layout of record");

/* an accepted connection, for the sidecar */
struct connection {
	__u64 since; /* ktime of the establishment, ns */
	__u64 client_cookie; /* of the client's socket; 0 unknown */
	__u32 record; /* index of the record of the client's leg; 0 none */
	__u32 client_endpoint; /* endpoint that the client belongs to; 0 none */
	__u32 service_endpoint; /* endpoint that was called; 0 none */
	__u32 outcome; /* level of the client's leg or why it is off */
	__u8 original_address[16]; /* where a redirected client wanted to go; IPv4 as mapped IPv6 */
	__u32 original_port; /* host order; 0 when the connect was not redirected */
	__u32 pad;
	__u64 alone; /* cookie of a client whose socket is in the map of sockets while the sidecar's is not; 0 none */
};
_Static_assert(sizeof(struct connection) == 64, "layout of connection");

/* the process that called connect */
struct process {
	__u64 start; /* when it began, ns since boot */
	__u64 cgroup; /* id of its cgroup */
	__u64 inode; /* of its executable */
	__u32 device; /* that the inode is on, as the kernel writes it: 12 bits major, 20 bits minor */
	__u32 pid; /* in the first pid namespace */
	__u32 uid; /* its real user, in the first user namespace */
	__u32 pad;
};
_Static_assert(sizeof(struct process) == 40, "layout of process");

/* the sidecar's next connect */
struct intent {
	__u32 record; /* record for the upstream leg; 0 no intent */
	__u32 level; /* LEVEL_* */
	__u8 client_address[16]; /* address that the service shall see; IPv4 as mapped IPv6 */
	__u32 client_port; /* host order; 0 leave the sidecar's */
	__u32 generation; /* of the record */
};
_Static_assert(sizeof(struct intent) == 32, "layout of intent");

/* a cgroup: the sidecar's own or an endpoint's */
struct group {
	__u32 kind; /* GROUP_* */
	__u32 endpoint;
};
_Static_assert(sizeof(struct group) == 8, "layout of group");

/* terms of an endpoint */
struct endpoint {
	__u32 level; /* LEVEL_* */
	__u32 live; /* 1 while the endpoint exists */
	__u32 incompatible; /* 1: a reader was seen that sockmaps break; new connections stay on TCP */
	__u32 pad;
};
_Static_assert(sizeof(struct endpoint) == 16, "layout of endpoint");

/* an address that a service of an endpoint listens on */
struct listen_key {
	__u8 address[16];
	__u32 port; /* host order */
	__u32 pad;
};
_Static_assert(sizeof(struct listen_key) == 24, "layout of listen_key");

/* who listens */
struct listening {
	__u32 endpoint;
	__u32 count; /* listening sockets now; 0 means nothing to protect */
};
_Static_assert(sizeof(struct listening) == 8, "layout of listening");

/* a port of an endpoint that stays on TCP, or whose datagrams are dropped */
struct opt_out_key {
	__u32 endpoint;
	__u32 port;
};
_Static_assert(sizeof(struct opt_out_key) == 8, "layout of opt_out_key");

/* load-time configuration */
struct config {
	__u32 abi; /* what `abiDigest` says of the layouts that the object was made with */
	__u32 pad;
	__u64 netns; /* cookie of the network namespace whose listeners are captured */
	__u32 credit; /* most unread bytes that one direction may have past TCP */
	__u32 tracing; /* 1: reads are published when recv returns */
	__u32 guard; /* 1: endpoints with a reader that sockmaps break are put back to TCP */
	__u32 head; /* most bytes of a head; longer ones are for the sidecar to refuse */
	__u32 lines; /* most lines of a head */
	__u32 pad2;
};
_Static_assert(sizeof(struct config) == 40, "layout of config");

/* spliced requests of one rule */
struct tally {
	__u64 requests;
	__u64 classes[8]; /* responses by the first digit of their status */
	__u64 latency[32]; /* requests that were alone, by log2 of the microseconds to the end of the response */
};
_Static_assert(sizeof(struct tally) == 328, "layout of tally");

#define RECORD_ON 1
#define RECORD_RESPONSESSLOW 2
#define RECORD_OPAQUE 4
#define RECORD_MEMCACHED 32
#define RECORD_AWAITSREADA 8
#define RECORD_AWAITSREADB 16

#define LEVEL_OFF 0
#define LEVEL_SHORTCUT 1
#define LEVEL_SPLICE 2

#define GROUP_SIDECAR 1
#define GROUP_ENDPOINT 2

#define TOTAL_FASTBYTES 60
#define TOTAL_TCPBYTES 61

#define SIZE_SOCKETS 65536
#define SIZE_RECORDS 16384
#define SIZE_SLOTS 1024
#define SIZE_TALLIES 4096
#define SIZE_PROCESSES 16384

#define STAGE_FIRST 0
#define STAGE_SHORTCUT 1
#define STAGE_MEMCACHED 2

#define SLOT_BITS_SIZE 16

#define BODY_CHUNKEDBIT 63

#define OUTCOME_ALLOWED 0
#define OUTCOME_DENIED_POLICY 1
#define OUTCOME_DENIED_PEER 2
#define OUTCOME_DENIED_MALFORMED 3
#define OUTCOME_DENIED_LIMIT 4
#define OUTCOME_DENIED_UPGRADE 5
#define OUTCOME_FAILED_UPSTREAM_CONNECT 6
#define OUTCOME_FAILED_UPSTREAM_RESET 7
#define OUTCOME_FAILED_UPSTREAM_MALFORMED 8
#define OUTCOME_REFUSED_DRAINING 9
#define OUTCOME_FAILED_TIMEOUT 10
#define OUTCOME_AUDITED_POLICY 11
#define OUTCOME_AUDITED_PEER 12
#define OUTCOME_ENDED_POLICY 13
#define OUTCOME_HIDDEN_KEYS 14
#define OUTCOME_OFF 16
#define OUTCOME_SHORTCUT 17
#define OUTCOME_SPLICE 18
#define OUTCOME_OFF_NO_BPF 19
#define OUTCOME_OFF_ULP_SOCKET 20
#define OUTCOME_OFF_MPTCP_SOCKET 21
#define OUTCOME_OFF_EARLY_DATA 22
#define OUTCOME_OFF_OPTED_OUT 23
#define OUTCOME_OFF_HELD_ELSEWHERE 24
#define OUTCOME_OFF_MAP_FULL 25
#define OUTCOME_OFF_NO_RECORD 26
#define OUTCOME_OFF_NO_PEER 27
#define OUTCOME_OFF_INCOMPATIBLE_READER 28
#define OUTCOME_UNSPLICED_NO_PAIR 29
#define OUTCOME_SLOW_UNPAIRED 32
#define OUTCOME_SLOW_CREDIT 33
#define OUTCOME_SLOW_REDIRECT_FAILED 34
#define OUTCOME_SLOW_IN_FLIGHT 35
#define OUTCOME_SLOW_NOT_CANONICAL 37
#define OUTCOME_SLOW_NOT_ALLOWED 38
#define OUTCOME_SLOW_PIPELINED 39
#define OUTCOME_SLOW_INJECTING 40
#define OUTCOME_SLOW_NO_SLOT 41
#define OUTCOME_SLOW_RESPONSE_FRAMING 42
#define OUTCOME_SLOW_SWITCHED_OFF 43
#define OUTCOME_FAST 44
#define OUTCOME_SLOW_BODY_OVERRUN 45
#define OUTCOME_SLOW_NO_REQUEST 46
#define OUTCOME_SEEN_BLOCKING_AGAIN 47
#define OUTCOME_SEEN_SPLICE_READER 48
#define OUTCOME_SLOW_STRAYED 49
#define OUTCOME_INJECTED 50
#define OUTCOME_SEEN_ASKING_READER 51

#define TABLE_VERSION 0
#define TABLE_LENGTH 4
#define TABLE_START 8
#define TABLE_ACTIONEND 12
#define TABLE_LINE 16
#define TABLE_REQUIREMENTS 20
#define TABLE_SERIES 24
#define TABLE_FLAGS 28
#define TABLE_SERIAL 32
#define TABLE_SIZE 40
#define TABLE_CLASSES 40
#define TABLE_VERSION_NUMBER 1
#define TABLE_MOST_REQUIREMENTS 16
#define TABLE_SIZE_0 32768
#define TABLE_SIZE_1 524288
#define TABLE_SIZE_2 8388608

#define TABLE_FLAG_USERSPACEONLY 1

#define JUDGE_HEAD 4096
#define JUDGE_CHUNK 128
#define JUDGE_STEPS 100
#define JUDGE_WORDS 32
#define JUDGE_DIGITS 8
#define JUDGE_REMEMBERED 104
#define JUDGE_FIRST 256
#define JUDGE_FIRST_STEPS 4

#define ACTION_BITS -16
#define ACTION_KIND -8
#define ACTION_EXPECT -7
#define ACTION_VALUE -4
#define ACTION_SIZE 16

#define ACTION_KIND_REFUSE 0
#define ACTION_KIND_UNSURE 1
#define ACTION_KIND_TARGET 2
#define ACTION_KIND_FIELD 3
#define ACTION_KIND_DIGIT 4
#define ACTION_KIND_END 5
#define ACTION_KIND_SKIP 6

#define REQUIREMENT_MASK 0
#define REQUIREMENT_RULE 8
#define REQUIREMENT_LAST 12
#define REQUIREMENT_SIZE 16

#define BIT_HOST 63
#define BIT_LENGTH 62
#define BIT_CHUNKED 61
#define BIT_BODILESS 60

#define COMMAND_ANSWER_LINE 0
#define COMMAND_ANSWER_VALUES 1
#define COMMAND_ANSWER_NONE 2

#define ANSWER_LINE_DONE 1
#define ANSWER_LINE_NOT 2
#define ANSWER_LINE_ERROR 3
#define ANSWER_LINE_END 4
#define ANSWER_LINE_VALUE 5

#define COMMAND_KEY 250
#define COMMAND_LOOKS 80
#define COMMAND_ANSWER 320
#define COMMAND_FLAGS_DIGITS 10
#define COMMAND_LENGTH_DIGITS 9
#define COMMAND_LINES 18

#define ABI_DIGEST 2043352456
#define OUTCOME_SLOTS 64

#endif
