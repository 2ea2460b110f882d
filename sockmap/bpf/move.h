/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* sk_msg: the entry program, and level shortcut. Never drops, corks or deletes. */
#ifndef SOCKMESH_MOVE_H
#define SOCKMESH_MOVE_H
#include "records.h"

/* Returns the outcome of one message. */
static __always_inline __u32 shortcut(struct sk_msg_md *m, struct socket_state *state, struct tcp_sock *tp)
{
	struct record *record;
	__u64 peer;
	/* A reader takes its queue of moved bytes before TCP's: once a byte went by TCP, all later ones must. */
	__u32 strayed = tp->write_seq != state->sent0;
	if (strayed && !state->sidecars)
		return OUTCOME_SLOW_IN_FLIGHT;
	record = record_of(state);
	if (!record)
		return OUTCOME_SLOW_UNPAIRED; /* the acceptor's callback has not run, or could not pair */
	if (strayed || !READ(record->paired)) {
		if (state->sidecars)
			WRITE(*(state->is_b ? &record->strayed_r : &record->strayed_f), 1); /* TCP bounds what is unread */
		return strayed ? OUTCOME_SLOW_IN_FLIGHT : OUTCOME_SLOW_UNPAIRED;
	}
	peer = READ(*(state->is_b ? &record->cookie_a : &record->cookie_b));
	if (!cfg.tracing)
		publish_unread(record, state->is_b, READ(tp->inet_conn.icsk_inet.sk.sk_backlog.rmem_alloc.counter));
	__u64 *fast = state->is_b ? &record->fast_b : &record->fast_a;
	__u64 read = READ(*(state->is_b ? &record->read_a : &record->read_b));
	/* With tracing the sidecar keeps to the credit itself: a reader that believes FIONREAD must not have two queues. */
	if (!(state->sidecars && cfg.tracing) && (__s64)(READ(*fast) - read + m->size) > (__s64)cfg.credit)
		return OUTCOME_SLOW_CREDIT; /* the reader is behind: TCP's flow control takes over for good */
	if (bpf_msg_redirect_hash(m, &sockets, &peer, BPF_F_INGRESS) != SK_PASS)
		return OUTCOME_SLOW_REDIRECT_FAILED; /* the peer is gone; TCP will tell */
	WRITE(*fast, READ(*fast) + m->size);
	return OUTCOME_FAST;
}

SEC("sk_msg") int sockmesh_shortcut(struct sk_msg_md *m)
{
	struct bpf_sock *sk = m->sk;
	struct socket_state *state = sk ? bpf_sk_storage_get(&states, sk, 0, 0) : 0;
	struct tcp_sock *tp = state ? bpf_skc_to_tcp_sock(sk) : 0;
	if (tp)
		tell(shortcut(m, state, tp), m->size);
	return SK_PASS;
}

/* The one program that sockets in the map are bound to. */
SEC("sk_msg") int sockmesh_move(struct sk_msg_md *m)
{
	bpf_tail_call(m, &stages, STAGE_FIRST);
	return SK_PASS; /* no program: never moved, TCP keeps the order */
}

#endif
