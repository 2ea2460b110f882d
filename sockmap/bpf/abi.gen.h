/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Written by scripts/gen-abi.mjs from sockmap/abi.ts and core/outcome.ts. Do not edit. */
#ifndef SOCKMESH_ABI_GEN_H
#define SOCKMESH_ABI_GEN_H

/* what both ends of a pair of sockets tell each other */
struct record {
	__u64 fast_a; /* bytes that a sent past TCP; written by a's sendmsg */
	__u64 read_a; /* bytes of fast_b that a has read; by a, or by the sidecar where a is its socket */
	__u8 pad_a[48];
	__u64 fast_b; /* bytes that b sent past TCP; written by b's sendmsg */
	__u64 read_b; /* bytes of fast_a that b has read; by b, or by the sidecar where b is its socket */
	__u8 pad_b[48];
	__u32 generation; /* counts the uses of this record; a link with another generation is void */
	__u32 flags; /* RECORD_* */
	__u8 pad_c[56];
};
_Static_assert(sizeof(struct record) == 192, "layout of record");

/* an accepted connection, for the sidecar */
struct connection {
	__u64 since; /* ktime of the establishment, ns */
	__u32 record; /* index of the record of the client's leg; 0 none */
	__u32 client_endpoint; /* endpoint that the client belongs to; 0 none */
	__u32 service_endpoint; /* endpoint that was called; 0 none */
	__u32 outcome; /* level of the client's leg or why it is off */
	__u8 original_address[16]; /* where a redirected client wanted to go; IPv4 as mapped IPv6 */
	__u32 original_port; /* host order; 0 when the connect was not redirected */
	__u32 pad;
};
_Static_assert(sizeof(struct connection) == 48, "layout of connection");

/* the sidecar's next connect */
struct intent {
	__u32 record; /* record for the upstream leg; 0 no intent */
	__u32 level; /* LEVEL_* */
	__u8 client_address[16]; /* address that the service shall see; IPv4 as mapped IPv6 */
	__u32 client_port; /* host order; 0 leave the sidecar's */
	__u32 pad;
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
};
_Static_assert(sizeof(struct endpoint) == 8, "layout of endpoint");

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

/* a port of an endpoint that stays on TCP */
struct opt_out_key {
	__u32 endpoint;
	__u32 port;
};
_Static_assert(sizeof(struct opt_out_key) == 8, "layout of opt_out_key");

/* load-time configuration */
struct config {
	__u64 netns; /* cookie of the network namespace whose listeners are captured */
	__u32 credit; /* most unread bytes that one direction may have past TCP */
	__u32 tracing; /* 1: reads are published when recv returns */
};
_Static_assert(sizeof(struct config) == 16, "layout of config");

#define RECORD_PAIRED 1

#define LEVEL_OFF 0
#define LEVEL_SHORTCUT 1
#define LEVEL_SPLICE 2

#define GROUP_SIDECAR 1
#define GROUP_ENDPOINT 2

#define TOTAL_FASTBYTES 60
#define TOTAL_TCPBYTES 61

#define SIZE_SOCKETS 65536
#define SIZE_RECORDS 16384

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
#define OUTCOME_SLOW_UNPAIRED 32
#define OUTCOME_SLOW_CREDIT 33
#define OUTCOME_SLOW_REDIRECT_FAILED 34
#define OUTCOME_SLOW_IN_FLIGHT 35
#define OUTCOME_SLOW_UNREAD 36
#define OUTCOME_SLOW_NOT_CANONICAL 37
#define OUTCOME_SLOW_NOT_ALLOWED 38
#define OUTCOME_SLOW_PIPELINED 39
#define OUTCOME_SLOW_INJECTING 40
#define OUTCOME_SLOW_NO_SLOT 41
#define OUTCOME_SLOW_RESPONSE_FRAMING 42
#define OUTCOME_SLOW_SWITCHED_OFF 43
#define OUTCOME_FAST 44
#define OUTCOME_SLOW_BODY_OVERRUN 45

#define OUTCOME_SLOTS 64

#endif
