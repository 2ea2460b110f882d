/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Which two sockets are one connection. */
#ifndef SOCKMESH_PAIR_H
#define SOCKMESH_PAIR_H
#include "enter.h"

/* Begins a use of a record that the kernel hands out: forgets what a last message of its former user may have left. */
static __always_inline void begin(struct record *record)
{
	__u32 generation = record->generation;
	__builtin_memset(record, 0, sizeof(*record));
	record->generation = generation;
}

/* Both ends of a leg are in the map of sockets: open the record, then tell the opener. The sidecar begins those of its own
 * connections itself. */
static __always_inline __u32 pair(struct bpf_sock_ops *s, struct bpf_sock *sk, struct tcp_sock *tp, struct opener *opener, __u32 at, __u32 endpoint, __u32 sidecars)
{
	struct socket_state state = { .record = at, .is_b = 1, .level = LEVEL_SHORTCUT, .endpoint = endpoint, .sidecars = sidecars };
	struct record *record = bpf_map_lookup_elem(&records, &at);
	struct link link = { .record = at };
	__u32 outcome;
	if (!record)
		return OUTCOME_OFF_NO_RECORD;
	if (sidecars)
		begin(record);
	else if (READ(record->strayed_f))
		return OUTCOME_OFF_NO_PEER; /* too late: bytes of the sidecar are on their way over TCP */
	link.generation = state.generation = record->generation;
	outcome = enter(s, sk, tp, &state);
	if (outcome != OUTCOME_SHORTCUT)
		return outcome;
	record->cookie_a = opener->cookie;
	record->cookie_b = bpf_get_socket_cookie(s);
	WRITE(record->paired, 1);
	bpf_map_update_elem(&links, &opener->cookie, &link, BPF_ANY);
	return outcome;
}

/* The sidecar has accepted a client whose requests the kernel may judge: its record waits for the service's socket. */
static __always_inline __u32 await_service(struct bpf_sock_ops *s, struct bpf_sock *sk, struct tcp_sock *tp, struct opener *opener, __u32 at)
{
	struct socket_state state = { .record = at, .is_b = 1, .level = LEVEL_SPLICE, .sidecars = 1 };
	struct record *record = bpf_map_lookup_elem(&records, &at);
	struct link link = { .record = at };
	__u32 outcome;
	if (!record)
		return OUTCOME_OFF_NO_RECORD;
	link.generation = state.generation = record->generation;
	outcome = enter(s, sk, tp, &state);
	if (outcome != OUTCOME_SPLICE)
		return outcome; /* answers would reach the client by two ways */
	begin(record);
	record->cookie_a = opener->cookie;
	bpf_map_update_elem(&links, &opener->cookie, &link, BPF_ANY);
	return OUTCOME_SPLICE;
}

/* A service has accepted the sidecar's connection for a client that waits. */
static __always_inline __u32 join_service(struct bpf_sock_ops *s, struct bpf_sock *sk, struct tcp_sock *tp, struct opener *opener, __u32 endpoint)
{
	struct socket_state state = { .record = opener->record, .generation = opener->generation, .is_b = 1, .level = LEVEL_SPLICE, .endpoint = endpoint };
	__u32 at = opener->record, outcome;
	struct record *record = bpf_map_lookup_elem(&records, &at);
	if (!record || record->generation != opener->generation)
		return OUTCOME_OFF_NO_RECORD; /* the client has gone, its record serves another */
	if (READ(record->strayed_f))
		return OUTCOME_OFF_NO_PEER; /* too late: bytes of the sidecar are on their way over TCP */
	outcome = enter(s, sk, tp, &state);
	if (outcome != OUTCOME_SPLICE)
		return outcome;
	record->cookie_b = bpf_get_socket_cookie(s);
	WRITE(record->paired, 1);
	return outcome;
}

#endif
