/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* sk_msg: moves a message to the peer's queue, or leaves it on TCP. Never drops, corks or deletes. */
#ifndef SOCKMESH_MOVE_H
#define SOCKMESH_MOVE_H
#include "maps.h"

/* Fast bytes that the reader has taken out of its queue: since 6.13 (and stable) rmem_alloc counts those it has not. */
static __always_inline void publish_read(struct record *record, __u32 is_b, __u32 unread)
{
	__u64 sent = READ(*(is_b ? &record->fast_a : &record->fast_b));
	__u64 *read = is_b ? &record->read_b : &record->read_a;
	if (sent - unread > READ(*read) && sent >= unread)
		WRITE(*read, sent - unread);
}

static __always_inline struct record *record_of(struct socket_state *state)
{
	__u32 at = state->record;
	struct record *record;
	if (!at) {
		struct link *link = bpf_map_lookup_elem(&links, &state->cookie);
		if (!link)
			return 0;
		state->peer = link->peer;
		state->generation = link->generation;
		state->record = at = link->record;
		bpf_map_delete_elem(&links, &state->cookie);
	}
	record = bpf_map_lookup_elem(&records, &at);
	return record && READ(record->generation) == state->generation ? record : 0;
}

/* Returns the outcome of one message. */
static __always_inline __u32 shortcut(struct sk_msg_md *m, struct socket_state *state, struct tcp_sock *tp)
{
	struct record *record;
	/* A reader takes its queue of moved bytes before TCP's: once a byte went by TCP, all later ones must. */
	if (tp->write_seq != state->sent0)
		return OUTCOME_SLOW_IN_FLIGHT;
	record = record_of(state);
	if (!record)
		return OUTCOME_SLOW_UNPAIRED; /* the acceptor's callback has not run, or could not pair */
	if (!cfg.tracing)
		publish_read(record, state->is_b, READ(tp->inet_conn.icsk_inet.sk.sk_backlog.rmem_alloc.counter));
	__u64 *fast = state->is_b ? &record->fast_b : &record->fast_a;
	__u64 read = READ(*(state->is_b ? &record->read_a : &record->read_b));
	if (READ(*fast) - read + m->size > cfg.credit)
		return OUTCOME_SLOW_CREDIT; /* the reader is behind: TCP's flow control takes over for good */
	if (bpf_msg_redirect_hash(m, &sockets, &state->peer, BPF_F_INGRESS) != SK_PASS)
		return OUTCOME_SLOW_REDIRECT_FAILED; /* the peer is gone; TCP will tell */
	WRITE(*fast, READ(*fast) + m->size);
	return OUTCOME_FAST;
}

SEC("sk_msg") int sockmesh_move(struct sk_msg_md *m)
{
	struct bpf_sock *sk = m->sk;
	struct socket_state *state = sk ? bpf_sk_storage_get(&states, sk, 0, 0) : 0;
	struct tcp_sock *tp = state ? bpf_skc_to_tcp_sock(sk) : 0;
	__u32 outcome;
	if (!tp)
		return SK_PASS; /* no state: never moved before, TCP keeps the order */
	outcome = shortcut(m, state, tp);
	count(outcome);
	add(outcome == OUTCOME_FAST ? TOTAL_FASTBYTES : TOTAL_TCPBYTES, m->size);
	return SK_PASS;
}

/* A recv call has returned: what it took is read for certain, whatever the flags of the call. Optional (kernel 6.3). */
SEC("tp_btf/sock_recv_length") int sockmesh_read(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	int taken = (int)ctx[1];
	struct socket_state *state;
	struct record *record;
	if (taken <= 0 || !sk)
		return 0;
	state = bpf_sk_storage_get(&states, (struct bpf_sock *)sk, 0, 0);
	if (!state || !state->record)
		return 0; /* not of the mesh, or not paired */
	record = record_of(state);
	if (record)
		publish_read(record, state->is_b, READ(sk->sk_backlog.rmem_alloc.counter));
	return 0;
}

#endif
