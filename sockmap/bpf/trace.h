/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The ends of recv and send calls (kernel 6.3): what was read, and what is queued, is known for certain there. */
#ifndef SOCKMESH_TRACE_H
#define SOCKMESH_TRACE_H
#include "records.h"

/* A blocking recv without a timeout returned EAGAIN: on a socket in a sockmap a wake-up without data does that to
 * applications that never saw it on TCP. New connections of the endpoint stay out of the map. */
static __always_inline void blame(struct sock *sk, struct socket_state *state, int flags)
{
	__u32 at = state->endpoint;
	struct endpoint *endpoint;
	if (flags & MSG_DONTWAIT || sk->sk_rcvtimeo != LONG_MAX)
		return; /* it asked for that */
	count(OUTCOME_SEEN_BLOCKING_AGAIN);
	endpoint = at ? bpf_map_lookup_elem(&endpoints, &at) : 0;
	if (endpoint && !READ(endpoint->incompatible))
		WRITE(endpoint->incompatible, 1);
}

SEC("tp_btf/sock_recv_length") int sockmesh_read(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	int taken = (int)ctx[1];
	struct socket_state *state;
	struct record *record;
	struct tcp_sock *tp;
	if (!sk || (taken <= 0 && taken != -EAGAIN))
		return 0;
	state = bpf_sk_storage_get(&states, (struct bpf_sock *)sk, 0, 0);
	if (!state)
		return 0; /* not of the mesh */
	if (taken < 0) {
		blame(sk, state, (int)ctx[2]);
		return 0;
	}
	record = record_of(state);
	tp = record ? bpf_skc_to_tcp_sock((struct bpf_sock *)sk) : 0;
	if (!tp)
		return 0; /* not paired, or the connection is over */
	if (state->level == LEVEL_SPLICE)
		publish_consumed(state, record, tp);
	publish_read(record, state->is_b, READ(sk->sk_backlog.rmem_alloc.counter));
	return 0;
}

SEC("tp_btf/sock_send_length") int sockmesh_sent(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct socket_state *state = sk ? bpf_sk_storage_get(&states, (struct bpf_sock *)sk, 0, 0) : 0;
	struct record *record;
	__u32 *wake;
	if (!state || state->level != LEVEL_SPLICE || !state->is_b || !state->record)
		return 0; /* only the service's sends are waited for */
	record = record_of(state);
	if (!record || record->send_end == record->send_begin)
		return 0; /* nothing was moved */
	WRITE(record->send_end, record->send_begin);
	full_barrier(record->send_end); /* the sidecar sets the flag, then reads send_end: one of us sees the other */
	if (!(READ(record->flags) & RECORD_RESPONSESSLOW))
		return 0; /* nobody waits */
	wake = bpf_ringbuf_reserve(&wakes, sizeof(*wake), 0);
	if (wake) {
		*wake = state->record;
		bpf_ringbuf_submit(wake, 0);
	}
	return 0;
}

#endif
