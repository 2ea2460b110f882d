/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef SOCKMESH_MAPS_H
#define SOCKMESH_MAPS_H
#include "kernel.h"
#include "abi.gen.h"

/* A section of its own: constants that the compiler makes must not move it. */
const volatile struct config cfg SEC(".rodata.config") = { .abi = ABI_DIGEST };

/* A connection as both of its ends see it. The initial sequence numbers make the key unique for all practical
 * purposes, also across network namespaces and when ports are used again. */
struct tuple {
	__u32 local[4], remote[4]; /* IPv4 as mapped IPv6, network order */
	__u32 local_port, remote_port; /* host order */
	__u32 sent, received; /* first sequence number of either direction */
};
/* What the opener of a connection leaves for the acceptor's callback. */
struct opener {
	__u64 cookie;
	__u32 endpoint; /* of the client; 0 none */
	__u32 outcome; /* whether its socket is in the map of sockets */
	__u32 record; /* of the sidecar's upstream leg; 0 for a client */
	__u32 level;
	__u8 client_address[16];
	__u32 client_port;
	__u32 original_port;
	__u8 original_address[16];
	__u32 generation; /* of the record */
	__u32 pad;
};
/* Tells an opener's sendmsg program its record. */
struct link {
	__u32 record, generation;
};
/* State of one socket; sk_msg has no cookie helper, so it lives in socket storage. */
struct socket_state {
	__u64 cookie;
	__u32 sent0; /* write_seq at establishment */
	__u32 pad;
	__u32 record, generation;
	__u32 is_b; /* accepted end of the pair */
	__u32 level;
	__u32 endpoint; /* whose application reads this socket, or whose service it talks to; 0 none */
	__u32 sidecars; /* 1: a socket of the sidecar */
	__u64 zero; /* always 0, which the verifier does not know */
};
/* Where a redirected connect wanted to go, or what address the service is to see. */
struct shown_address {
	__u8 address[16];
	__u32 port;
	__u32 record, level, generation; /* upstream leg only */
};

struct { __uint(type, BPF_MAP_TYPE_SOCKHASH); __uint(max_entries, SIZE_SOCKETS); __type(key, __u64); __type(value, __u64); } sockets SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_SK_STORAGE); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, int); __type(value, struct socket_state); } states SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_SK_STORAGE); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, int); __type(value, struct shown_address); } shown SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, SIZE_SOCKETS); __type(key, struct tuple); __type(value, struct opener); } openers SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, SIZE_SOCKETS); __type(key, __u64); __type(value, struct link); } links SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, SIZE_SOCKETS); __type(key, __u64); __type(value, struct connection); } connections SEC(".maps");
/* Who connected, by the cookie of its socket, until the sidecar has accepted. */
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, SIZE_PROCESSES); __type(key, __u64); __type(value, struct process); } processes SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, SIZE_RECORDS); __uint(map_flags, BPF_F_MMAPABLE); __type(key, __u32); __type(value, struct record); } records SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_QUEUE); __uint(max_entries, SIZE_RECORDS); __uint(key_size, 0); __uint(value_size, 4); } free_records SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __uint(map_flags, BPF_F_MMAPABLE); __type(key, __u32); __type(value, struct intent); } intents SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4096); __type(key, __u64); __type(value, struct group); } groups SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 65536); __type(key, __u32); __type(value, struct endpoint); } endpoints SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 65536); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, struct listen_key); __type(value, struct listening); } listens SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4096); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, struct opt_out_key); __type(value, __u32); } opt_outs SEC(".maps");
/* Where datagram sockets of endpoints serve. */
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 65536); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, struct listen_key); __type(value, struct listening); } datagrams SEC(".maps");
/* Ports of endpoints whose datagrams are dropped. */
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16384); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, struct opt_out_key); __type(value, __u32); } closed_udp SEC(".maps");
/* Connects of the sidecar that capture must let pass: the whole 4-tuple while the handshake runs. */
struct exempt_key { __u32 local[4], remote[4]; __u32 local_port, remote_port; };
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 16384); __type(key, struct exempt_key); __type(value, __u32); } exempt SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_SOCKMAP); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); } listeners SEC(".maps");
/* The port that the sidecar listens on, host order. */
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u32); } sidecar_port SEC(".maps");
/* The programs behind the entry program: replaced here under live connections, which keep their entry program. */
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u32); } stages SEC(".maps");
/* Wakes the sidecar when an answer that it waits for is in its client's queue: record numbers. */
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } wakes SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, SIZE_TALLIES); __type(key, __u32); __type(value, struct tally); } tallies SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, OUTCOME_SLOTS); __type(key, __u32); __type(value, __u64); } counters SEC(".maps");

static __always_inline void add(__u32 counter, __u64 much)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &counter);
	if (value)
		*value += much;
}
static __always_inline void count(__u32 outcome) { add(outcome, 1); }

/* A context field by one load at a constant offset: clang likes to merge branches into a computed pointer, which the
 * verifier refuses for contexts. */
#define CONTEXT(ctx, field) ({ __u32 value_; asm volatile("%0 = *(u32 *)(%1 + %2)" : "=r"(value_) : "r"(ctx), \
	"i"(__builtin_offsetof(typeof(*(ctx)), field))); value_; })
#define READ(x) (*(volatile typeof(x) *)&(x))
#define WRITE(x, v) (*(volatile typeof(x) *)&(x) = (v))

static __always_inline void map_ipv4(__u32 out[4], __u32 address)
{
	out[0] = out[1] = 0;
	out[2] = bpf_htonl(0xffff);
	out[3] = address;
}

#endif
